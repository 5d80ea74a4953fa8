import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { eventually } from '../support/processes.js';
import { PROJECT, Runner, temporaryFolder } from '../support/runner.js';
import { Gate, startRun, untilEnded, untilState } from '../support/runs.js';
import { StreamClient } from '../support/stream-client.js';

const login = (token: string) =>
  JSON.stringify({ auth_mode: 'chatgpt', tokens: { account_id: 'a', access_token: token } });

let runner: Runner;
/** The administrator's home of codex. */
let base: string;

async function start(env: Record<string, string> = {}): Promise<void> {
  runner = await Runner.start(env);
  base = join(runner.home, '.codex');
  mkdirSync(base, { recursive: true });
  writeFileSync(join(base, 'config.toml'), 'model = "m"\n');
  writeFileSync(join(base, 'auth.json'), login('1'));
  utimesSync(join(base, 'auth.json'), 1000, 1000);
}
afterEach(() => runner.stop());

const homeOf = (session: string) => join(runner.runtime, 'homes', session);
const runFolders = () => readdirSync(runner.runtime).filter((name) => name.startsWith('run-'));

/** Runs a script to its end; gives what it has written to stdout. */
async function run(session: string, script: string): Promise<string[]> {
  const client = await StreamClient.open(runner, { user_prompt: script, session_id: session });
  const events = await client.all();
  expect(await client.exit()).toMatchObject({ reason: 'completed', return_code: 0 });
  return events.filter(({ event }) => event === 'agent').map(({ data }) => data);
}

/** As a CLI renews its login: beside it, and then in its place. */
const renewTo = (token: string, seconds: number) =>
  `printf '%s' '${login(token)}' > "$CODEX_HOME/new" && touch -d @${seconds} "$CODEX_HOME/new" && ` +
  `mv "$CODEX_HOME/new" "$CODEX_HOME/auth.json"`;

describe('the home of an agent', () => {
  it("is the session's own, for the server alone, and stays when the run has ended", async () => {
    await start();
    const said = await run('one', 'echo "$HOME"; echo "$CODEX_HOME"; ls -A "$HOME" "$CODEX_HOME"');
    expect(said.slice(0, 2)).toEqual([homeOf('one'), join(homeOf('one'), '.codex')]);
    expect(said.filter((line) => !line.includes('/'))).toEqual([
      '.codex',
      'auth.json',
      'config.toml',
    ]);
    for (const place of [join(runner.runtime, 'homes'), homeOf('one'), said[1]!]) {
      expect(statSync(place).mode & 0o777).toBe(0o700);
    }
    expect(runFolders()).toEqual([]);
  });

  it('keeps the talks of a session, and shows them to no other', async () => {
    await start();
    const talk = '"$CODEX_HOME/sessions/2026/talk.jsonl"';
    await run('one', `mkdir -p "$CODEX_HOME/sessions/2026" && echo secret > ${talk}`);
    expect(await run('two', 'ls -A "$CODEX_HOME"')).toEqual(['auth.json', 'config.toml']);
    expect(await run('one', `cat ${talk}`)).toEqual(['secret']);
  });

  it('holds nothing that an agent of an earlier run would have the next one do', async () => {
    await start();
    await run(
      'one',
      `cd "$HOME" && echo 'notify = ["evil"]' > .codex/config.toml && echo evil > .codex/hooks.json &&
       mkdir -p .codex/skills/evil && echo evil > .codex/skills/evil/SKILL.md &&
       for name in .profile .bash_profile .gitconfig .npmrc; do echo evil > $name; done`,
    );
    const said = await run('one', 'cd "$HOME"; find . | sort; cat .codex/config.toml');
    expect(said).toEqual([
      '.',
      './.codex',
      './.codex/auth.json',
      './.codex/config.toml',
      'model = "m"',
    ]);
    expect(runFolders()).toEqual([]);
  });

  it('is whole again whatever an agent has made of it', async () => {
    await start();
    const plants = [
      'rm -rf "$HOME"',
      'rm -rf "$HOME" && ln -s / "$HOME"',
      'rm -rf "$HOME" && mkfifo "$HOME"',
      `rm -rf "$CODEX_HOME" && ln -s '${base}' "$CODEX_HOME"`,
      'rm "$CODEX_HOME/auth.json" && mkfifo "$CODEX_HOME/auth.json"',
      'rm "$CODEX_HOME/auth.json" && mkdir "$CODEX_HOME/auth.json"',
      'rm "$CODEX_HOME/auth.json" && truncate -s 1T "$CODEX_HOME/auth.json"',
      'rm "$CODEX_HOME/auth.json" && echo evil > "$CODEX_HOME/auth.json"',
      'chmod 0 "$CODEX_HOME" "$HOME"',
    ];
    for (const plant of plants) {
      await run('one', plant);
      expect(await run('one', 'cat "$CODEX_HOME/auth.json"; echo; ls -A "$HOME"')).toEqual([
        login('1'),
        '.codex',
      ]);
    }
    expect(readdirSync(base).filter((name) => !name.startsWith('.'))).toEqual([
      'auth.json',
      'config.toml',
    ]);
  }, 60_000);
});

describe('a login that a CLI renews', () => {
  it('serves all sessions once the run has ended', async () => {
    await start();
    await run('one', renewTo('2', 2000));
    expect(readFileSync(join(base, 'auth.json'), 'utf8')).toBe(login('2'));
    expect(lstatSync(join(base, 'auth.json')).mode & 0o777).toBe(0o600);
    expect(await run('two', 'cat "$CODEX_HOME/auth.json"')).toEqual([login('2')]);
  });

  it('is the newest of those that several runs bring, whichever ends last', async () => {
    await start();
    const gate = new Gate(runner, 'all');
    const tokens = ['4', '2', '6', '3', '5'];
    const ids = await Promise.all(
      tokens.map((token) =>
        startRun(runner, {
          user_prompt: `${renewTo(token, 1000 * Number(token))}; ${gate.wait}`,
          session_id: `s${token}`,
        }),
      ),
    );
    for (const id of ids) await untilState(runner, id, 'running');
    gate.open();
    for (const id of ids) await untilEnded(runner, id);
    expect(readFileSync(join(base, 'auth.json'), 'utf8')).toBe(login('6'));
    expect(statSync(join(base, 'auth.json')).mtimeMs).toBe(6_000_000);
    expect(readdirSync(base).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  it('is kept also where the server died under the run', async () => {
    await start();
    const gate = new Gate(runner, 'renewed');
    const id = await startRun(runner, {
      user_prompt: `${renewTo('2', 2000)}; ${gate.pass}; sleep 600`,
      session_id: 'one',
    });
    await untilState(runner, id, 'running');
    await eventually(() => Promise.resolve(gate.isOpen), Boolean);
    await runner.kill();
    runner = await runner.startNext();
    await untilState(runner, id, 'lost');
    expect(readFileSync(join(base, 'auth.json'), 'utf8')).toBe(login('2'));
  }, 60_000);

  it('of another account is not taken over, and the log says so', async () => {
    await start();
    await run('one', renewTo('2', 2000).replace('"account_id":"a"', '"account_id":"evil"'));
    await runner.logged((line) => line.refusal === 'its "tokens.account_id" is another one');
    expect(readFileSync(join(base, 'auth.json'), 'utf8')).toBe(login('1'));
    expect(JSON.stringify(runner.logLines)).not.toContain('access_token');
  });
});

it('the login of a CLI of the providers file is linked into the homes of sessions', async () => {
  const home = temporaryFolder();
  const providers = {
    acme: {
      binary: join(PROJECT, 'test', 'support', 'shell-agent.sh'),
      args: { 'workspace-write': [] },
      credentials: { files: ['/nowhere/login.json', '~/.acme/login.json'] },
    },
  };
  mkdirSync(join(home, '.acme'));
  writeFileSync(join(home, '.acme', 'login.json'), '{"token":"token-of-ada","user":"ada"}');
  writeFileSync(join(home, 'providers.json'), JSON.stringify({ version: 1, providers }));
  runner = await Runner.start(
    {
      FERMILINK_PROVIDERS_FILE: join(home, 'providers.json'),
      FERMILINK_AGENT_PROVIDER: 'acme',
    },
    home,
  );
  expect(await run('one', 'cat "$HOME/.acme/login.json"; ls -A "$HOME"')).toEqual([
    '{"token":"[redacted]","user":"ada"}.acme',
  ]);
});

describe('a shared home', () => {
  it("is the administrator's own, made where it is missing", async () => {
    runner = await Runner.start({
      FERMILINK_AGENT_HOME: 'shared',
      FERMILINK_CODEX_HOME: '~/a/codex',
    });
    const place = join(runner.home, 'a', 'codex');
    expect(await run('one', 'echo "$HOME"; echo "$CODEX_HOME"; echo x > "$CODEX_HOME/x"')).toEqual([
      runner.home,
      place,
    ]);
    expect(statSync(place).mode & 0o777).toBe(0o700);
    expect(await run('two', 'cat "$CODEX_HOME/x"')).toEqual(['x']);
    expect(existsSync(join(runner.runtime, 'homes'))).toBe(false);
  });
});
