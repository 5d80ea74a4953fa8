import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { codexAdapter } from '../../src/provider/adapters/codex.js';
import { CODEX } from '../support/agent-settings.js';
import { inTurn, type ModelAnswer } from '../support/model-server/script.js';
import { eventually } from '../support/processes.js';
import { PROJECT, temporaryFolder } from '../support/runner.js';
import { cancelRun, startRun, untilEnded } from '../support/runs.js';
import { AGENT_CLIS, AGENT_IDS, type AgentCli, pinnedVersion, programOf } from './clis.js';
import { Neutral } from './neutral.js';
import { Workbench } from './workbench.js';

/*
 * `npm run record:agents` writes anew what the real CLIs say, to test/recordings. A runner starts them as it
 * always does, but behind a script that keeps both pipes as they are in files.
 */

const RECORDINGS = join(PROJECT, 'test', 'recordings');
const MINUTES = 60_000;

interface Scenario {
  /** What the model does; the file that a tool writes is named by its absolute path. */
  answers(repo: string): ModelAnswer[];
  sandbox?: string;
  /** Variables of the server; an empty one takes one away. */
  environment?(cli: AgentCli): Record<string, string>;
  /** An option that the CLI does not know. */
  option?: string;
  /** What happens once the model has been asked, or before. */
  meanwhile?(bench: Workbench, runId: string): Promise<unknown>;
  before?(bench: Workbench): Promise<void>;
}

const never = new Promise<void>(() => undefined);
const write = (repo: string): ModelAnswer => ({
  use: { write: join(repo, 'outputs', 'hello.txt'), content: 'Hello from the agent\n' },
});
const bypass = () => ({ FERMILINK_AGENT_SANDBOX_POLICY: 'bypass' });

const SCENARIOS: Record<string, Scenario> = {
  plain: { answers: () => [{ say: 'All is well.' }] },
  deltas: { answers: () => [{ say: ['One ', 'two ', 'three.\n', 'Größe: 5 µm'] }] },
  reasoning: { answers: () => [{ reason: 'It asks for a number.', say: 'Seven.' }] },
  write: { answers: (repo) => [write(repo), { say: 'It is written.' }] },
  shell: {
    answers: () => [{ use: { shell: 'echo from the shell' } }, { say: 'It has run.' }],
    environment: bypass,
  },
  'shell-fails': {
    answers: () => [{ use: { shell: 'echo went wrong >&2; exit 3' } }, { say: 'It has failed.' }],
    environment: bypass,
  },
  denied: {
    answers: (repo) => [write(repo), { say: 'It is not allowed.' }],
    sandbox: 'read-only',
  },
  'shell-denied': {
    answers: () => [{ use: { shell: 'touch outputs/denied' } }, { say: 'It is not allowed.' }],
    sandbox: 'read-only',
  },
  401: { answers: () => [{ status: 401 }] },
  429: { answers: () => [{ status: 429 }] },
  500: { answers: () => [{ status: 500 }] },
  'no-key': {
    answers: () => [{ say: 'Never said.' }],
    environment: ({ keyVariable }) => ({ [keyVariable]: '' }),
  },
  'wrong-option': { answers: () => [{ say: 'Never said.' }], option: '--no-such-option' },
  unreachable: { answers: () => [], before: ({ model }) => model.stop() },
  cancel: {
    answers: () => [{ say: ['Wait ', 'for it.'], hold: never }],
    meanwhile: async ({ model, runner }, runId) => {
      await eventually(
        () => model.requests.length,
        (count) => count > 0,
        60,
      );
      await cancelRun(runner, runId);
    },
  },
};

describe.each(AGENT_IDS.map((id) => AGENT_CLIS[id]))('$id', (cli) => {
  const folder = join(RECORDINGS, cli.id);

  it.each(Object.entries(SCENARIOS))(
    '%s',
    async (name, scenario) => {
      const kept = temporaryFolder();
      const binary = join(kept, cli.id);
      const program = await startedProgramOf(cli);
      const words = [program, ...(scenario.option === undefined ? [] : [scenario.option])];
      const command = `exec ${words.join(' ')} "$@" >${kept}/stdout 2>${kept}/stderr`;
      writeFileSync(binary, `#!/bin/sh\n${command}\n`, { mode: 0o755 });
      const bench = await Workbench.open(cli, {
        [`FERMILINK_${cli.id.toUpperCase()}_BIN`]: binary,
        ...scenario.environment?.(cli),
      });
      try {
        const { runner, model } = bench;
        model.script = inTurn(...scenario.answers(runner.repo('talk')));
        await scenario.before?.(bench);
        const run = await recordRun(bench, scenario);
        mkdirSync(folder, { recursive: true });
        const neutral = new Neutral([
          [runner.repo('talk'), '/work/repo'],
          [PROJECT, '/work/runner'],
          [runner.home, '/work/home'],
          [kept, '/work/kept'],
          [model.url, 'http://127.0.0.1:8080'],
          [model.url.replace('http://', ''), '127.0.0.1:8080'],
        ]);
        const text = (file: string) => neutral.text(readFileSync(join(kept, file), 'utf8'));
        writeFileSync(join(folder, `${name}.jsonl`), text('stdout'));
        writeFileSync(join(folder, `${name}.stderr`), text('stderr'));
        const facts = { cli: cli.id, version: pinnedVersion(cli), ...run };
        writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(facts, null, 2)}\n`);
      } finally {
        await bench.close();
        rmSync(kept, { recursive: true });
      }
    },
    3 * MINUTES,
  );
});

async function recordRun(bench: Workbench, scenario: Scenario) {
  const { runner } = bench;
  const id = await startRun(runner, {
    user_prompt: 'Write a greeting',
    session_id: 'talk',
    sandbox: scenario.sandbox,
    max_runtime_seconds: 90,
  });
  await scenario.meanwhile?.(bench, id);
  const { reason, return_code } = await untilEnded(runner, id, 120);
  return { reason, return_code };
}

/** The program that the runner would start. */
async function startedProgramOf(cli: AgentCli): Promise<string> {
  const found = programOf(cli);
  if (cli.id !== 'codex') return found;
  return codexAdapter(CODEX).nativeBinary!(found);
}
