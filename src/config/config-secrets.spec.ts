import { execFileSync } from 'node:child_process';
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { faultsOf as faultsOfEnvironment } from '../../test/support/config.js';
import { loadConfig } from './load-config.js';

const TOKEN = 'FERMILINK_RUNNER_METRICS_TOKEN';
const MOST_BYTES = 65_536;

let folder: string;
let file: string;

beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'fermilink-secrets-')));
  file = join(folder, 'secret');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function load(env: Record<string, string>) {
  return loadConfig({ FERMILINK_HOME: folder, ...env });
}

function faultsOf(env: Record<string, string>): readonly string[] {
  return faultsOfEnvironment({ FERMILINK_HOME: folder, ...env });
}

describe('the file of a secret', () => {
  it.each([
    ['missing', () => undefined],
    ['empty', () => writeFileSync(file, '')],
    ['blank', () => writeFileSync(file, ' \n')],
    ['one byte too long', () => writeFileSync(file, 'x'.repeat(MOST_BYTES + 1))],
    ['a FIFO', () => execFileSync('mkfifo', [file])],
  ])('is a fault where it is %s', (_what, make) => {
    make();
    expect(faultsOf({ [`${TOKEN}_FILE`]: file })).toEqual([
      `${TOKEN}_FILE is "${file}", but it must be a readable file of 1 to ${MOST_BYTES} bytes.`,
    ]);
  });

  it('may be as long as the rule says, and named by a relative path', () => {
    writeFileSync(file, 'x'.repeat(MOST_BYTES));
    const path = relative(process.cwd(), file);
    expect(load({ [`${TOKEN}_FILE`]: path }).metricsToken).toHaveLength(MOST_BYTES);
  });

  it('is none where its name is blank', () => {
    expect(load({ [`${TOKEN}_FILE`]: ' ', [TOKEN]: 'given' }).metricsToken).toBe('given');
  });

  it('wins over a blank secret, which is an unset one', () => {
    writeFileSync(file, 'from-a-file');
    expect(load({ [`${TOKEN}_FILE`]: file, [TOKEN]: ' ' }).metricsToken).toBe('from-a-file');
  });

  it('is told with all other faults, and never its content', () => {
    writeFileSync(file, 'hush-1');
    const faults = faultsOf({
      [`${TOKEN}_FILE`]: file,
      [TOKEN]: 'hush-2',
      FERMILINK_OPENAI_API_KEY_FILE: join(folder, 'absent'),
      FERMILINK_CODEX_API_KEY: 'hush-3',
      FERMILINK_CODEX_AUTH_MODE: 'magic',
      FERMILINK_RUNNER_PORT: 'eighty',
      FERMILINK_RUNTIME_ROOT: '/dev/null/runtime',
    });
    expect(faults.map((fault) => fault.split(' ')[0]).sort()).toEqual([
      'FERMILINK_CODEX_AUTH_MODE',
      'FERMILINK_OPENAI_API_KEY_FILE',
      'FERMILINK_RUNNER_METRICS_TOKEN_FILE',
      'FERMILINK_RUNNER_PORT',
      'FERMILINK_RUNTIME_ROOT',
    ]);
    expect(faults.join('\n')).not.toContain('hush');
  });
});

describe('a secret', () => {
  it('can be given as a file', () => {
    writeFileSync(file, ' from-a-file\n');
    expect(load({ [`${TOKEN}_FILE`]: file }).metricsToken).toBe('from-a-file');
    const { keys } = load({
      FERMILINK_CODEX_API_KEY_FILE: file,
      FERMILINK_OPENAI_API_KEY_FILE: file,
    }).codex;
    expect(keys).toEqual({ CODEX_API_KEY: 'from-a-file', OPENAI_API_KEY: 'from-a-file' });
  });

  it('is a fault where the file is of no use, or both are given', () => {
    const rule = 'must be a readable file of 1 to 65536 bytes';
    expect(faultsOf({ [`${TOKEN}_FILE`]: folder })).toEqual([
      `${TOKEN}_FILE is "${folder}", but it ${rule}.`,
    ]);
    const both = faultsOf({ [`${TOKEN}_FILE`]: folder, [TOKEN]: 'hidden' });
    expect(both).toEqual([
      `${TOKEN}_FILE is set, but ${TOKEN} is too; it must be only one of them.`,
    ]);
  });
});

it('every secret of the server is known as one, wherever it was given', () => {
  writeFileSync(file, 'from-a-file\n');
  const { secrets } = load({
    [`${TOKEN}_FILE`]: file,
    FERMILINK_CODEX_API_KEY: 'configured-key',
    DATABASE_PASSWORD: 'somebody-elses',
    LANG: 'en_US.UTF-8',
  });
  expect([...secrets].sort()).toEqual(['configured-key', 'from-a-file', 'somebody-elses']);
});

describe('the metrics token', () => {
  it.each(['caf\u00e9', 'hush\u20ac', 'two\nlines', 'tab\there', 'hush\x7f'])(
    'is a fault where no header can carry it: %j',
    (token) => {
      const rule = 'must be of printable ASCII characters';
      expect(faultsOf({ [TOKEN]: token })).toEqual([`${TOKEN} is set, but it ${rule}.`]);
      writeFileSync(file, `${token}\n`);
      expect(faultsOf({ [`${TOKEN}_FILE`]: file })).toEqual([
        `${TOKEN}_FILE is "${file}", but what it holds ${rule}.`,
      ]);
    },
  );

  it('may be of all that a header can carry', () => {
    const token = 'a b!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~';
    expect(load({ [TOKEN]: ` ${token} ` }).metricsToken).toBe(token);
  });
});

describe('codex', () => {
  it('may use its stored login, and another home', () => {
    for (const mode of ['login', 'oauth', 'keychain', 'stored']) {
      expect(load({ FERMILINK_CODEX_AUTH_MODE: mode }).codex.storedLogin).toBe(true);
    }
    const { homes } = load({ FERMILINK_CODEX_HOME: '~/elsewhere' }).codex;
    expect(homes[0]).toBe(join(homedir(), 'elsewhere'));
    expect(load({ FERMILINK_CODEX_HOME: '/a', CODEX_HOME: '/b' }).codex.homes[0]).toBe('/b');
  });
});
