import type { AgentSettings } from '../../config/runner-config.js';
import type { AgentInvocation } from '../agent-adapter.js';
import type { RunPolicy } from '../policy.js';
import { AGENTS, CODEX, basesIn } from '../../../test/support/agent-settings.js';
import { READINGS } from '../readings/index.js';
import { adaptersFor } from './index.js';

const ADAPTERS = adaptersFor({ codex: CODEX, agentBases: basesIn('/base') });
const EFFORTS = ['low', 'medium', 'high', 'xhigh'] as const;

type Mode = RunPolicy['sandboxMode'];

interface GeminiOverride {
  match: { model: string };
  modelConfig: { generateContentConfig: { thinkingConfig: object } };
}

function invoke(
  provider: string,
  policy: Partial<RunPolicy> = {},
  environment: Record<string, string> = {},
  agents: Partial<AgentSettings> = {},
  settings: Record<string, string> = {},
  talk: string | null = null,
): AgentInvocation {
  const adapter = ADAPTERS.get(provider)!;
  return adapter.invocation({
    policy: {
      provider,
      sandboxPolicy: policy.sandboxMode === null ? 'bypass' : 'enforce',
      sandboxMode: 'workspace-write',
      model: null,
      reasoningEffort: null,
      ...policy,
    },
    repoPath: '/ws/s1/repo',
    tmpDir: '/rt/run-1/tmp',
    homePath: '/rt/homes/s',
    talk,
    launchFolder: '/rt/run-1/launch',
    mark: { FERMILINK_RUN_COOKIE: 'cookie-1' },
    environment,
    agents: { ...AGENTS, ...agents },
    settings: new Map(Object.entries(settings)),
  });
}

/** The values that follow an option, which may be given several times. */
function valuesOf(args: readonly string[], option: string): string[] {
  return args.filter((_, index) => args[index - 1] === option);
}

function geminiSettings(
  policy: Partial<RunPolicy>,
  environment: Record<string, string> = {},
  administrators: Record<string, string> = {},
) {
  const { settings } = invoke('gemini', policy, environment, {}, administrators);
  return JSON.parse(settings!['.gemini/settings.json']!);
}

function opencodeConfig(policy: Partial<RunPolicy>, environment: Record<string, string> = {}) {
  return JSON.parse(invoke('opencode', policy, environment).env!.OPENCODE_CONFIG_CONTENT!);
}

describe('the command line of codex', () => {
  const BASE = ['exec', '--json', '--skip-git-repo-check', '--cd', '/ws/s1/repo'];

  it.each<[Mode, string[]]>([
    ['read-only', ['--sandbox', 'read-only']],
    [
      'workspace-write',
      ['--sandbox', 'workspace-write', '-c', 'sandbox_workspace_write.exclude_slash_tmp=true'],
    ],
    [null, ['--dangerously-bypass-approvals-and-sandbox']],
  ])('in mode %s', (sandboxMode, sandbox) => {
    const { args } = invoke('codex', { sandboxMode });
    expect(args.slice(0, BASE.length + sandbox.length)).toEqual([...BASE, ...sandbox]);
    // The prompt comes from stdin.
    expect(args.at(-1)).toBe('-');
    expect(args.includes('--dangerously-bypass-approvals-and-sandbox')).toBe(sandboxMode === null);
    expect(args.includes('--sandbox')).toBe(sandboxMode !== null);
  });

  it('keeps keys from tool commands and is quiet on the network', () => {
    expect(valuesOf(invoke('codex', { sandboxMode: 'read-only' }).args, '-c')).toEqual([
      'shell_environment_policy.inherit=core',
      'shell_environment_policy.set.FERMILINK_RUN_COOKIE="cookie-1"',
      'analytics.enabled=false',
      'otel.exporter=none',
      'otel.metrics_exporter=none',
      'check_for_update_on_startup=false',
      'features.plugins=false',
      'features.apps=false',
      'model_providers.fermilink={name="OpenAI",wire_api="responses",requires_openai_auth=true,' +
        'request_max_retries=2,stream_max_retries=2}',
      'model_provider="fermilink"',
    ]);
  });

  it.each(EFFORTS)('names model and effort %s', (reasoningEffort) => {
    const { args } = invoke('codex', { model: 'gpt-5.1', reasoningEffort });
    expect(valuesOf(args, '-m')).toEqual(['gpt-5.1']);
    expect(valuesOf(args, '-c')).toContain(`model_reasoning_effort="${reasoningEffort}"`);
  });
});

describe('the command line of claude', () => {
  it.each<[Mode, string[], string | undefined]>([
    ['read-only', ['plan', '--settings', '{"useAutoModeDuringPlan":false}'], undefined],
    ['workspace-write', ['acceptEdits'], undefined],
    [null, ['bypassPermissions'], '1'],
  ])('in mode %s', (sandboxMode, mode, isSandbox) => {
    const { args, env } = invoke('claude', { sandboxMode });
    expect(args).toEqual([
      ...['--print', '--verbose', '--output-format', 'stream-json'],
      ...['--setting-sources', 'user', '--add-dir', '/ws/s1/repo'],
      ...['--permission-mode', ...mode],
    ]);
    expect(env?.IS_SANDBOX).toBe(isSandbox);
    expect(env?.CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC).toBe('1');
  });

  it.each(EFFORTS)('names model and effort %s', (reasoningEffort) => {
    const { args } = invoke('claude', { model: 'opus', reasoningEffort });
    expect(args.slice(-4)).toEqual(['--model', 'opus', '--effort', reasoningEffort]);
  });
});

describe('the command line of gemini', () => {
  it.each<[Mode, string]>([
    ['read-only', 'plan'],
    ['workspace-write', 'auto_edit'],
    [null, 'yolo'],
  ])('in mode %s', (sandboxMode, mode) => {
    expect(invoke('gemini', { sandboxMode }).args).toEqual([
      ...['--output-format', 'stream-json', '--skip-trust', '--approval-mode', mode],
      ...['--admin-policy', '/rt/run-1/launch/gemini-policy.toml'],
    ]);
  });

  it('runs as one process and is quiet on the network', () => {
    expect(invoke('gemini').env).toMatchObject({ GEMINI_CLI_NO_RELAUNCH: 'true' });
    expect(geminiSettings({})).toEqual({
      advanced: { ignoreLocalEnv: true },
      general: { enableAutoUpdate: false, enableAutoUpdateNotification: false, maxAttempts: 3 },
      privacy: { usageStatisticsEnabled: false },
      security: { auth: { useExternal: true }, folderTrust: { enabled: true } },
      telemetry: { enabled: false },
    });
  });

  it("has the variables of the administrator's .env that the server does not have", () => {
    const administrators = {
      '.gemini/.env': '# Keys\nGEMINI_API_KEY="a"\nGOOGLE_A=b\nGOOGLE_B=c\n',
    };
    const { env } = invoke('gemini', {}, { GEMINI_API_KEY: '', GOOGLE_B: 'd' }, {}, administrators);
    expect(env).toMatchObject({ GEMINI_API_KEY: 'a', GOOGLE_A: 'b' });
    expect(env).not.toHaveProperty('GOOGLE_B');
  });

  it('uses the key where there is one', () => {
    expect(geminiSettings({}, { GEMINI_API_KEY: 'x' })).toMatchObject({
      security: { auth: { selectedType: 'gemini-api-key' } },
    });
    expect(geminiSettings({}, { GEMINI_API_KEY: '' }).security.auth).toEqual({ useExternal: true });
  });

  it.each([
    ['low', 'LOW', 1024],
    ['medium', 'MEDIUM', 4096],
    ['high', 'HIGH', 8192],
    ['xhigh', 'HIGH', 16_384],
  ] as const)('sets effort %s for whatever model is used', (reasoningEffort, level, budget) => {
    const thinking = (model: string | null) => {
      const { modelConfigs } = geminiSettings({ model, reasoningEffort });
      const overrides = modelConfigs.customOverrides as GeminiOverride[];
      return Object.fromEntries(
        overrides.map(({ match, modelConfig }) => [
          match.model,
          modelConfig.generateContentConfig.thinkingConfig,
        ]),
      );
    };
    const bases = {
      'chat-base-3': { thinkingLevel: level },
      'chat-base-2.5': { thinkingBudget: budget },
    };
    expect(thinking(null)).toEqual(bases);
    expect(thinking('gemini-3-pro-preview')).toEqual({
      ...bases,
      'gemini-3-pro-preview': { thinkingLevel: level },
    });
    expect(thinking('gemini-2.5-pro')).toEqual({
      ...bases,
      'gemini-2.5-pro': { thinkingBudget: budget },
    });
  });

  it('names the model', () => {
    expect(invoke('gemini', { model: 'gemini-2.5-pro' }).args.slice(-2)).toEqual([
      '--model',
      'gemini-2.5-pro',
    ]);
  });
});

describe('the way in which gemini logs in', () => {
  const KEY = { GEMINI_API_KEY: 'a-key-of-gemini' };
  const typeOf = (environment: Record<string, string>, administrators: Record<string, string>) =>
    geminiSettings({}, environment, administrators).security.auth.selectedType;

  it('is by the key, unless the administrator has chosen another', () => {
    expect(typeOf({}, {})).toBeUndefined();
    expect(typeOf(KEY, {})).toBe('gemini-api-key');
    const chosen = '{"security": {"auth": {"selectedType": "oauth-personal"}}}';
    expect(typeOf(KEY, { '.gemini/settings.json': chosen })).toBe('oauth-personal');
  });
});

describe('a talk that goes on', () => {
  it.each([
    ['codex', ['resume', 'the-talk', '-']],
    ['claude', ['--resume', 'the-talk']],
    ['gemini', ['--resume', 'the-talk']],
    ['opencode', ['--session', 'the-talk']],
  ])('is named to %s', (provider, end) => {
    const { args } = invoke(
      provider,
      { model: 'm', reasoningEffort: 'low' },
      {},
      {},
      {},
      'the-talk',
    );
    expect(args.slice(-end.length)).toEqual(end);
    const without = invoke(provider, { model: 'm', reasoningEffort: 'low' }).args;
    // Nothing else is different: mode, model and effort are those of the run.
    expect(args.filter((it) => without.includes(it))).toEqual(without);
  });
});

describe('the command line of opencode', () => {
  it.each<[Mode, unknown]>([
    ['read-only', { edit: 'deny', bash: 'deny', external_directory: 'deny' }],
    ['workspace-write', { edit: 'allow', bash: 'deny', external_directory: 'deny' }],
    [null, 'allow'],
  ])('in mode %s', (sandboxMode, permission) => {
    expect(invoke('opencode', { sandboxMode }).args).toEqual(['run', '--format', 'json']);
    expect(opencodeConfig({ sandboxMode })).toEqual({
      permission,
      autoupdate: false,
      share: 'disabled',
      instructions: ['/ws/s1/repo/AGENTS.md'],
    });
  });

  it.each([
    ['low', 'low'],
    ['medium', 'medium'],
    ['high', 'high'],
    ['xhigh', 'high'],
  ] as const)('names model and effort %s as %s', (reasoningEffort, variant) => {
    const { args } = invoke('opencode', { model: 'acme/m1', reasoningEffort });
    expect(args).toEqual([
      ...['run', '--format', 'json'],
      ...['--model', 'acme/m1', '--variant', variant],
    ]);
  });

  it('asks for more than the effort high where a model has it', () => {
    const { args } = invoke('opencode', { model: 'anthropic/m1', reasoningEffort: 'xhigh' });
    expect(valuesOf(args, '--variant')).toEqual(['max']);
  });

  it("keeps the administrator's configuration but for what the policy decides", () => {
    const given = {
      provider: { acme: { options: { baseURL: 'http://models' } } },
      model: 'acme/m1',
      permission: 'allow',
      autoupdate: true,
      share: 'auto',
      instructions: ['/etc/rules.md'],
    };
    const environment = { OPENCODE_CONFIG_CONTENT: JSON.stringify(given) };
    expect(opencodeConfig({ sandboxMode: 'read-only' }, environment)).toEqual({
      provider: given.provider,
      model: given.model,
      permission: { edit: 'deny', bash: 'deny', external_directory: 'deny' },
      autoupdate: false,
      share: 'disabled',
      instructions: ['/etc/rules.md', '/ws/s1/repo/AGENTS.md'],
    });
  });

  it.each(['{', '[]', 'null', '"x"', ''])('is not harmed by %j for a configuration', (text) => {
    const environment = { OPENCODE_CONFIG_CONTENT: text };
    expect(opencodeConfig({}, environment)).toHaveProperty('permission');
  });
});

describe('the prompt', () => {
  it.each(['claude', 'gemini'])('is text for %s, also where it begins with a slash', (provider) => {
    const stdin = (prompt: string) => ADAPTERS.get(provider)!.stdin!(prompt);
    for (const prompt of ['/help', '/clear now', ' \n\t/compact']) {
      expect(stdin(prompt)).toBe(`Request:\n${prompt}`);
    }
    for (const prompt of ['--help', 'what is in /etc?', '', 'a\n/help']) {
      expect(stdin(prompt)).toBe(prompt);
    }
  });
});

describe('every adapter', () => {
  it('is known by its id', () => {
    expect([...ADAPTERS.keys()].sort()).toEqual(['claude', 'codex', 'demo', 'gemini', 'opencode']);
    for (const [id, adapter] of ADAPTERS) expect(adapter.id).toBe(id);
  });

  it('reads the lines of its own CLI', () => {
    const { text: _text, ...readings } = READINGS;
    // The demo speaks as codex does.
    const expected = { ...readings, demo: READINGS.codex };
    for (const [id, { reading }] of ADAPTERS) {
      expect(reading).toBe(expected[id as keyof typeof expected]);
    }
  });

  it('leaves model and effort to its CLI where the policy names none', () => {
    for (const id of ADAPTERS.keys()) {
      // Of codex the server of the model is named to set its retries.
      const { args, settings } = invoke(id, {}, {}, { retries: null });
      const all = JSON.stringify([args, settings]);
      expect(all).not.toMatch(/model|effort|variant|"-m"/i);
    }
  });
});

describe('the settings of gemini', () => {
  it("are the administrator's, and the runner's where both have some", () => {
    const settings = `{ // mine
      "general": { "vimMode": true, "enableAutoUpdate": true },
      "modelConfigs": { "customOverrides": [{ "match": { "model": "x" } }] },
      "mcpServers": { "mine": { "command": "serve" } }
    }`;
    const all = geminiSettings(
      { reasoningEffort: 'low' },
      {},
      { '.gemini/settings.json': settings },
    );
    expect(all).toMatchObject({
      general: { vimMode: true, enableAutoUpdate: false, maxAttempts: 3 },
      mcpServers: { mine: { command: 'serve' } },
    });
    const models = all.modelConfigs.customOverrides.map((it: GeminiOverride) => it.match.model);
    expect(models).toEqual(['x', 'chat-base-3', 'chat-base-2.5']);
  });

  it.each(['{', '[]', 'null'])("are a fault where the administrator's are %s", (text) => {
    expect(() => geminiSettings({}, {}, { '.gemini/settings.json': text })).toThrow(
      /settings.json of gemini is no JSON object/,
    );
  });

  it("are a file of the run where the home is the administrator's", () => {
    const { settings, files, env } = invoke('gemini', {}, {}, { home: 'shared' });
    expect(settings).toBeUndefined();
    const path = env!.GEMINI_CLI_SYSTEM_SETTINGS_PATH!;
    expect(path.startsWith('/rt/run-1/launch/')).toBe(true);
    expect(JSON.parse(files![path.slice('/rt/run-1/launch/'.length)]!)).toEqual(geminiSettings({}));
  });
});

describe('traffic that a run does not need', () => {
  const loud = { telemetry: true, updateChecks: true, retries: null };
  const settingsOf = (provider: string, agents: Partial<AgentSettings>) => {
    const { args, env, settings } = invoke(provider, {}, {}, agents);
    return JSON.stringify([args, env, settings]);
  };

  it.each<[string, Partial<AgentSettings>, RegExp]>([
    ['codex', { telemetry: true }, /analytics|otel/],
    ['codex', { updateChecks: true }, /check_for_update|features/],
    ['codex', { retries: null }, /_max_retries/],
    ['claude', { telemetry: true, updateChecks: true }, /DISABLE_/],
    ['claude', { telemetry: true }, /NONESSENTIAL|DISABLE_TELEMETRY/],
    ['claude', { updateChecks: true }, /NONESSENTIAL|DISABLE_AUTOUPDATER/],
    ['claude', { retries: null }, /MAX_RETRIES/],
    ['gemini', { telemetry: true }, /usageStatisticsEnabled|telemetry/],
    ['gemini', { updateChecks: true }, /enableAutoUpdate/],
    ['gemini', { retries: null }, /maxAttempts/],
    ['opencode', { updateChecks: true }, /autoupdate/],
    ['opencode', { updateChecks: true }, /node_modules/],
  ])('of %s is allowed by %j', (provider, allowed, sign) => {
    expect(settingsOf(provider, {})).toMatch(sign);
    expect(settingsOf(provider, allowed)).not.toMatch(sign);
  });

  it('of claude stays in part where only the other part is allowed', () => {
    expect(invoke('claude', {}, {}, { updateChecks: true }).env).toMatchObject({
      DISABLE_TELEMETRY: '1',
      DISABLE_ERROR_REPORTING: '1',
    });
    expect(invoke('claude', {}, {}, { telemetry: true }).env).toMatchObject({
      DISABLE_AUTOUPDATER: '1',
    });
  });

  it('of claude is as the administrator has set it by its own variables', () => {
    const environment = { CLAUDE_CODE_MAX_RETRIES: '7', DISABLE_TELEMETRY: 'yes' };
    const { env } = invoke('claude', {}, environment, { updateChecks: true });
    // Also a variable that is of none of its families, and would not be handed on otherwise.
    expect(env).toMatchObject(environment);
  });

  it('of gemini has no more attempts than it takes', () => {
    expect(settingsOf('gemini', { ...loud, retries: 30 })).toContain('\\"maxAttempts\\":10');
  });
});

describe('the retries of codex', () => {
  const retriesWith = (configToml: string) => {
    const settings = { '.codex/config.toml': configToml };
    const all = valuesOf(invoke('codex', {}, {}, { retries: 1 }, settings).args, '-c');
    return all.filter((it) => it.startsWith('model_provider'));
  };

  it('are set for the server that the administrator has chosen', () => {
    for (const quote of ['"', "'"]) {
      const chosen = `model_provider = ${quote}mine${quote}\n[model_providers.mine]\nname = "x"\n`;
      expect(retriesWith(chosen)).toEqual([
        'model_providers.mine.request_max_retries=1',
        'model_providers.mine.stream_max_retries=1',
      ]);
    }
  });

  it.each([
    ['has set them', '[model_providers.mine]\nrequest_max_retries = 9\n'],
    ['has chosen a server of codex itself', 'model_provider = "ollama"\n'],
    ['has a server that cannot be named', 'model_provider = "a.b"\n[model_providers."a.b"]\n'],
    ['has another address for the usual one', 'openai_base_url = "http://proxy/v1"\n'],
    ['chooses by a profile', 'profile = "work"\n'],
  ])('are left to codex where the administrator %s', (_what, configToml) => {
    expect(retriesWith(configToml)).toEqual([]);
  });

  it('are not mistaken for set by a comment', () => {
    expect(retriesWith('# model_provider = "mine"\nmodel = "m"\n')).toHaveLength(2);
  });
});
