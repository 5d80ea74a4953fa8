import { existsSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { AGENTS, basesIn } from '../../test/support/agent-settings.js';
import { faultsOf as faultsOfEnvironment } from '../../test/support/config.js';
import { ConfigError, loadConfig, PROJECT_ROOT } from './load-config.js';
import type { RunnerConfig } from './runner-config.js';

const KIB = 1024;
const MIB = 1024 * KIB;

let home: string;

beforeEach(() => {
  home = realpathSync(mkdtempSync(join(tmpdir(), 'fermilink-config-')));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

function load(env: Record<string, string | undefined> = {}): RunnerConfig {
  return loadConfig({ FERMILINK_HOME: home, ...env });
}

function faultsOf(env: Record<string, string>): readonly string[] {
  return faultsOfEnvironment({ FERMILINK_HOME: home, ...env });
}

interface NumberRule {
  variable: string;
  setting: keyof RunnerConfig;
  fallback: number;
  min: number;
  max: number;
}

const MOST_SECONDS = 2_147_483;
const MOST = 10_000_000;
const GIB = 1024 * MIB;
const MOST_BYTES = 512 * 1024 * GIB;
const NUMBERS: NumberRule[] = (
  [
    ['PORT', 'port', 8000, 0, 65_535],
    ['MAX_RUNTIME_SECONDS', 'maxRuntimeSeconds', 600, 1, MOST_SECONDS],
    ['PREPARE_TIMEOUT_SECONDS', 'prepareTimeoutSeconds', 120, 1, MOST_SECONDS],
    ['GLOBAL_CONCURRENT_RUNS', 'globalConcurrentRuns', 200, 1, MOST],
    ['PER_USER_CONCURRENT_RUNS', 'perUserConcurrentRuns', 10, 1, MOST],
    ['MAX_QUEUE_SIZE', 'maxQueueSize', 2000, 0, MOST],
    ['MAX_PENDING_PER_USER', 'maxPendingPerUser', 10, 0, MOST],
    ['SUBPROCESS_STREAM_LIMIT', 'streamLimitBytes', MIB, 64 * KIB, 256 * MIB],
    ['MAX_LINE_BYTES', 'maxLineBytes', 16 * MIB, 64 * KIB, 64 * MIB],
    ['MAX_OUTPUT_BYTES', 'maxOutputBytes', GIB, 64 * KIB, MOST_BYTES],
    ['STALL_SECONDS', 'stallSeconds', 0, 0, MOST_SECONDS],
    ['MAX_QUEUE_WAIT_SECONDS', 'maxQueueWaitSeconds', 0, 0, MOST_SECONDS],
    ['FOLLOWER_TIMEOUT_SECONDS', 'followerTimeoutSeconds', 60, 1, MOST_SECONDS],
    ['DRAIN_DELAY_SECONDS', 'drainDelaySeconds', 0, 0, MOST_SECONDS],
    ['DRAIN_SECONDS', 'drainSeconds', 15, 0, MOST_SECONDS],
    ['LOCK_WAIT_SECONDS', 'lockWaitSeconds', 60, 0, MOST_SECONDS],
    ['RETAIN_RUNS_HOURS', 'retainRunsHours', 72, 0, 1_000_000],
    ['RETAIN_BYTES', 'retainBytes', 10 * GIB, 0, MOST_BYTES],
  ] as const
).map(([name, setting, fallback, min, max]) => ({
  variable: `FERMILINK_RUNNER_${name}`,
  setting,
  fallback,
  min,
  max,
}));
/** Here 0 stands for "without a bound", which the setting says as null. */
const UNBOUNDED_AT_ZERO = [
  'maxQueueSize',
  'maxPendingPerUser',
  'stallSeconds',
  'maxQueueWaitSeconds',
];

const WORDS = [
  ['FERMILINK_RUNNER_BACKGROUND', ['end', 'keep']],
  ['FERMILINK_AGENT_PROVIDER', ['codex', 'claude', 'gemini', 'opencode', 'demo']],
  ['FERMILINK_AGENT_SANDBOX_POLICY', ['enforce', 'bypass']],
  ['FERMILINK_AGENT_SANDBOX_MODE', ['read-only', 'workspace-write']],
  ['FERMILINK_AGENT_REASONING_EFFORT', ['low', 'medium', 'high', 'xhigh']],
] as const;

const NO_POLICY = {
  provider: null,
  sandboxPolicy: null,
  sandboxMode: null,
  model: null,
  reasoningEffort: null,
};

const DEFAULT_TEMPLATE = existsSync('/opt/software')
  ? '/opt/software'
  : join(PROJECT_ROOT, 'software');

describe('without settings', () => {
  it('every one has its default', () => {
    const { environment, ...settings } = load();
    expect(settings).toEqual({
      host: '127.0.0.1',
      port: 8000,
      home,
      workspacesRoot: join(home, 'workspaces'),
      scientificPackagesRoot: join(home, 'scientific_packages'),
      runtimeRoot: join(home, 'runtime'),
      policyFile: join(home, 'agent_runtime.json'),
      activePackageId: null,
      maxwellLinkRoot: join(PROJECT_ROOT, 'maxwelllink'),
      legacyMaxwellLinkPackageId: 'maxwelllink-local',
      templateRoot: DEFAULT_TEMPLATE,
      ownTemplateRoot: join(PROJECT_ROOT, 'software'),
      packages: {
        paths: [join(home, 'scientific_packages', 'packages')],
        maxBytes: 512 * 1024 ** 2,
        maxUnpackedBytes: 4 * 1024 ** 3,
        maxEntries: 100_000,
        maxRatio: 200,
        idleSeconds: 30,
      },
      maxRuntimeSeconds: 600,
      prepareTimeoutSeconds: 120,
      globalConcurrentRuns: 200,
      perUserConcurrentRuns: 10,
      maxQueueSize: 2000,
      maxPendingPerUser: 10,
      streamLimitBytes: 1_048_576,
      maxLineBytes: 16_777_216,
      maxOutputBytes: 1_073_741_824,
      stallSeconds: null,
      maxQueueWaitSeconds: null,
      followerTimeoutSeconds: 60,
      disconnectGraceSeconds: null,
      drainDelaySeconds: 0,
      drainSeconds: 15,
      lockWaitSeconds: 60,
      retainRunsHours: 72,
      retainBytes: 10_737_418_240,
      background: 'end',
      redact: true,
      secrets: [],
      metricsToken: null,
      identity: { tokensFile: null, jwt: null, isAnonymous: true, isLocalOnly: true },
      corsOrigins: [],
      docs: true,
      files: { maxUploadBytes: 1024 ** 3, uploadIdleSeconds: 30, commitRuns: false },
      agents: AGENTS,
      agentBases: basesIn(homedir()),
      codex: {
        storedLogin: false,
        keys: { CODEX_API_KEY: null, OPENAI_API_KEY: null },
        homes: [join(homedir(), '.codex'), join(process.cwd(), '.codex')],
      },
      policyOverrides: NO_POLICY,
      providers: [],
      binaries: {},
      agentEnvPassthrough: [],
      warnings: [],
      webhook: null,
      sessions: {
        quotaBytes: null,
        userQuotaBytes: null,
        removeAfterDays: null,
        isDryRun: false,
      },
    });
    expect(environment).toEqual({ FERMILINK_HOME: home });
  });

  it('warns of a variable that looks like one of its own and is none', () => {
    const env = {
      FERMILINK_RUNNER_MAX_RUNTIM_SECONDS: '5',
      FERMILINK_PORTAL_URL: 'x',
      // Nobody is to have more rights for want of a letter.
      FERMILINK_AGENT_SANDBOX_MOD: 'read-only',
      FERMILINK_CODEX_HOEM: '/x',
    };
    expect(loadConfig({ FERMILINK_HOME: home, ...env }).warnings).toEqual([
      'FERMILINK_RUNNER_MAX_RUNTIM_SECONDS is no variable of the runner; it has no effect.',
      'FERMILINK_AGENT_SANDBOX_MOD is no variable of the runner; it has no effect.',
      'FERMILINK_CODEX_HOEM is no variable of the runner; it has no effect.',
    ]);
  });

  it('warns of a dry run of a removal that is not switched on', () => {
    const dryRun = { FERMILINK_RUNNER_REMOVE_SESSIONS_DRY_RUN: '1' };
    const warningsOf = (env: Record<string, string>) =>
      loadConfig({ FERMILINK_HOME: home, ...env }).warnings;
    expect(warningsOf(dryRun)).toEqual([expect.stringContaining('but does nothing without')]);
    expect(warningsOf({ ...dryRun, FERMILINK_RUNNER_REMOVE_SESSIONS_DAYS: '9' })).toEqual([]);
  });

  it('an empty or blank value is none', () => {
    const names = [
      ...NUMBERS.map(({ variable }) => variable),
      ...WORDS.map(([variable]) => variable),
      'RUNNER_REDACT',
      ...['WORKSPACES_ROOT', 'SCIPKG_ROOT', 'SCIENTIFIC_PACKAGES_ROOT', 'SCIPKG_ACTIVE'],
      ...['MAXWELLLINK_ROOT', 'LEGACY_MAXWELLLINK_PACKAGE_ID', 'SOFTWARE_ROOT', 'RUNTIME_ROOT'],
      ...['RUNNER_HOST', 'RUNNER_METRICS_TOKEN', 'AGENT_MODEL', 'AGENT_ENV_PASSTHROUGH'],
      ...['CODEX_HOME', 'CLAUDE_HOME', 'GEMINI_HOME', 'OPENCODE_HOME', 'AGENT_RETRIES'],
      'PROVIDERS_FILE',
      ...['CODEX_BIN', 'CLAUDE_BIN', 'GEMINI_BIN', 'OPENCODE_BIN'],
    ].map((name) => (name.startsWith('FERMILINK_') ? name : `FERMILINK_${name}`));
    const { environment: _none, ...defaults } = load();
    for (const blank of ['', ' \t ']) {
      const env = Object.fromEntries(names.map((name) => [name, blank]));
      const { environment: _blank, ...settings } = load(env);
      expect(settings).toEqual(defaults);
    }
  });
});

describe('a number', () => {
  const shown = ({ setting }: NumberRule, value: number) => ({
    [setting]: value === 0 && UNBOUNDED_AT_ZERO.includes(setting) ? null : value,
  });

  it.each(NUMBERS)('$variable is taken from $min to $max', (rule) => {
    const { variable, min, max, fallback } = rule;
    expect(load()).toMatchObject(shown(rule, fallback));
    for (const value of [min, max]) {
      expect(load({ [variable]: ` ${value} ` })).toMatchObject(shown(rule, value));
    }
  });

  it.each(NUMBERS)('$variable is refused, with its value and rule, otherwise', (rule) => {
    const { variable, min, max } = rule;
    const bad = [min - 1, max + 1, 'many', `${min}.5`, '1e4', '0x40000', 'NaN', 'Infinity', '1 2'];
    for (const value of bad.map(String)) {
      expect(faultsOf({ [variable]: value })).toEqual([
        `${variable} is "${value}", but it must be a whole number from ${min} to ${max}.`,
      ]);
    }
  });
});

it('FERMILINK_RUNNER_DISCONNECT_GRACE_SECONDS may be absent, which is not the same as 0', () => {
  const variable = 'FERMILINK_RUNNER_DISCONNECT_GRACE_SECONDS';
  for (const value of [0, MOST_SECONDS]) {
    expect(load({ [variable]: `${value}` }).disconnectGraceSeconds).toBe(value);
  }
  expect(faultsOf({ [variable]: 'never' })).toEqual([
    `${variable} is "never", but it must be a whole number from 0 to ${MOST_SECONDS}.`,
  ]);
});

describe('a word', () => {
  const settingOf = (config: RunnerConfig, variable: string): unknown =>
    ({
      FERMILINK_RUNNER_BACKGROUND: config.background,
      FERMILINK_AGENT_PROVIDER: config.policyOverrides.provider,
      FERMILINK_AGENT_SANDBOX_POLICY: config.policyOverrides.sandboxPolicy,
      FERMILINK_AGENT_SANDBOX_MODE: config.policyOverrides.sandboxMode,
      FERMILINK_AGENT_REASONING_EFFORT: config.policyOverrides.reasoningEffort,
    })[variable];

  it.each(WORDS)('%s may be each of its words, in any case of letters', (variable, words) => {
    for (const word of words) {
      for (const given of [word, ` ${word.toUpperCase()} `]) {
        expect(settingOf(load({ [variable]: given }), variable)).toBe(word);
      }
    }
  });

  it.each(WORDS)('%s may be nothing else', (variable, words) => {
    for (const value of ['anything', `${words[0]},${words[1]}`, 'constructor']) {
      expect(faultsOf({ [variable]: value })).toEqual([
        `${variable} is "${value}", but it must be one of: ${words.join(', ')}.`,
      ]);
    }
  });
});

describe('a switch', () => {
  const variable = 'FERMILINK_RUNNER_REDACT';

  it.each([
    ['on', true, ['1', 'true', ' YES ', 'On']],
    ['off', false, ['0', 'False', 'no', ' OFF']],
  ] as const)('is %s in each usual word for it', (_position, redact, words) => {
    for (const word of words) expect(load({ [variable]: word })).toMatchObject({ redact });
  });

  it('is nothing else', () => {
    for (const value of ['2', 'never', 'truefalse']) {
      const words = '1, true, yes, on, 0, false, no, off';
      expect(faultsOf({ [variable]: value })).toEqual([
        `${variable} is "${value}", but it must be one of: ${words}.`,
      ]);
    }
  });
});

describe('a text', () => {
  it.each([
    ['FERMILINK_RUNNER_HOST', 'host', '127.0.0.2'],
    ['FERMILINK_RUNNER_METRICS_TOKEN', 'metricsToken', 'let me in'],
    ['FERMILINK_SCIPKG_ACTIVE', 'activePackageId', 'meep'],
    ['FERMILINK_LEGACY_MAXWELLLINK_PACKAGE_ID', 'legacyMaxwellLinkPackageId', 'mxl'],
  ] as const)('%s is trimmed', (variable, setting, value) => {
    expect(load({ [variable]: `  ${value}\n` })[setting]).toBe(value);
  });

  it('FERMILINK_LEGACY_MAXWELLLINK_PACKAGE_ID holds something that an id can be made of', () => {
    const variable = 'FERMILINK_LEGACY_MAXWELLLINK_PACKAGE_ID';
    for (const value of ['!!!', '-_-', '...']) {
      expect(faultsOf({ [variable]: value })).toEqual([
        `${variable} is "${value}", but it must have a letter or a digit.`,
      ]);
    }
    for (const value of ['Meep 2', 'é', '-7-']) {
      expect(load({ [variable]: value }).legacyMaxwellLinkPackageId).toBe(value);
    }
  });

  it('FERMILINK_AGENT_MODEL can be no option of a command line', () => {
    const model = 'FERMILINK_AGENT_MODEL';
    expect(load({ [model]: ' acme/m-1:x ' }).policyOverrides.model).toBe('acme/m-1:x');
    for (const value of ['--help', '-c', 'two words', 'm'.repeat(201), 'mödel']) {
      const rule = 'must be 1 to 200 visible characters that do not begin with "-"';
      expect(faultsOf({ [model]: value })).toEqual([`${model} is "${value}", but it ${rule}.`]);
    }
  });

  it('FERMILINK_AGENT_ENV_PASSTHROUGH is a list of names', () => {
    const list = 'FERMILINK_AGENT_ENV_PASSTHROUGH';
    expect(load({ [list]: ' LICENSE_FILE ,_B2, SLURM_*,c, ' }).agentEnvPassthrough).toEqual([
      'LICENSE_FILE',
      '_B2',
      'SLURM_*',
      'c',
    ]);
    // "*" alone would hand on every secret of the server.
    for (const value of ['A=b', 'A B', '2A', 'A;B', 'A,,B', '*', 'A*B', 'A**', '*_KEY']) {
      const rule =
        'must be names of environment variables, or their beginnings followed by *, separated by commas';
      expect(faultsOf({ [list]: value })).toEqual([`${list} is "${value}", but it ${rule}.`]);
    }
  });
});

describe('what is wrong', () => {
  it('is said all at once, folders included', () => {
    const faults = faultsOf({
      FERMILINK_RUNNER_PORT: '70000',
      FERMILINK_RUNNER_MAX_QUEUE_SIZE: '-1',
      FERMILINK_AGENT_PROVIDER: 'hal',
      FERMILINK_AGENT_MODEL: '-m',
      FERMILINK_RUNTIME_ROOT: '/dev/null/runtime',
    });
    expect(faults.map((fault) => fault.split(' ')[0]).sort()).toEqual([
      'FERMILINK_AGENT_MODEL',
      'FERMILINK_AGENT_PROVIDER',
      'FERMILINK_RUNNER_MAX_QUEUE_SIZE',
      'FERMILINK_RUNNER_PORT',
      'FERMILINK_RUNTIME_ROOT',
    ]);
  });

  it('shows no secret, neither of the runner nor of anybody else', () => {
    const secrets = {
      FERMILINK_RUNNER_METRICS_TOKEN: 'hush-1',
      OPENAI_API_KEY: 'hush-2',
      DATABASE_URL: 'postgres://hush-3',
    };
    const faults = faultsOf({ ...secrets, FERMILINK_RUNNER_PORT: 'eighty' });
    expect(faults).toHaveLength(1);
    expect(new ConfigError(faults).message).not.toContain('hush');
  });

  it('is nothing where only variables of others are odd', () => {
    expect(faultsOf({ FERMILINK_SOMETHING_NEW: 'x', PORT: 'eighty' })).toEqual([]);
  });
});

it('the environment is kept as it was, whatever becomes of it later', () => {
  const env: Record<string, string> = { FERMILINK_HOME: home, PATH: '/usr/bin' };
  const { environment } = loadConfig(env);
  env.PATH = '/elsewhere';
  expect(environment.PATH).toBe('/usr/bin');
});
