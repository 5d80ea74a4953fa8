import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { RunnerError } from '../../common/errors.js';
import { isJsonObject, withoutComments } from '../../common/json.js';
import type { AgentBases } from '../../config/runner-config.js';
import type { AgentAdapter, AgentInvocation, LaunchContext } from '../agent-adapter.js';
import { GEMINI_SETTINGS, GEMINI_VARIABLES, geminiHome } from '../homes/cli-homes.js';
import type { RunPolicy } from '../policy.js';
import { geminiReading } from '../readings/gemini.js';
import { withoutCommand } from './slash-command.js';

const MODES = { 'read-only': 'plan', 'workspace-write': 'auto_edit' } as const;
const SETTINGS_FILE = 'gemini-settings.json';
const POLICY_FILE = 'gemini-policy.toml';
/** A file that is not there. */
const NO_TRUSTED_FOLDERS = 'gemini-trusted-folders.json';

/** Otherwise the model leaves the mode by planning: without somebody to ask, a finished plan means `yolo`. */
const STAYS_IN_ITS_MODE = `[[rule]]
toolName = ["enter_plan_mode", "exit_plan_mode"]
decision = "deny"
priority = 999
`;

/** What an effort means to the models that take a level, and to those that take tokens. */
const LEVELS = { low: 'LOW', medium: 'MEDIUM', high: 'HIGH', xhigh: 'HIGH' } as const;
const BUDGETS = { low: 1024, medium: 4096, high: 8192, xhigh: 16_384 } as const;

/** Variables of which one is enough. */
const CREDENTIALS = ['GEMINI_API_KEY', 'GOOGLE_API_KEY', 'GOOGLE_APPLICATION_CREDENTIALS'];

const gemini: AgentAdapter = {
  id: 'gemini',
  binary: 'gemini',
  tested: { package: '@google/gemini-cli', versions: ['0.61.0'] },
  credentials: {
    isVariable: (name) => CREDENTIALS.includes(name),
    hint: 'set GEMINI_API_KEY, or log in with "gemini"',
  },
  // Otherwise it starts itself a second time, and takes twice as long.
  probeEnvironment: { GEMINI_CLI_NO_RELAUNCH: 'true' },
  environmentFamilies: ['GEMINI_', 'GOOGLE_'],
  politeSignal: 'SIGTERM',
  reading: geminiReading,

  invocation(context: LaunchContext): AgentInvocation {
    const { policy, launchFolder, agents, talk } = context;
    const mode = policy.sandboxMode === null ? 'yolo' : MODES[policy.sandboxMode];
    const args = ['--output-format', 'stream-json', '--skip-trust', '--approval-mode', mode];
    args.push('--admin-policy', join(launchFolder, POLICY_FILE));
    if (policy.model !== null) args.push('--model', policy.model);
    if (talk !== null) args.push('--resume', talk);
    const env = {
      ...administratorsVariables(context),
      // One process instead of a parent that leaves its child behind when it is killed.
      GEMINI_CLI_NO_RELAUNCH: 'true',
      // Settings in a workspace can name commands, lift the mode, and send the key to another server. They
      // are read before the option by which it is trusted: it is to be trusted by nothing else.
      GEMINI_CLI_TRUST_WORKSPACE: undefined,
      GEMINI_CLI_TRUSTED_FOLDERS_PATH: join(launchFolder, NO_TRUSTED_FOLDERS),
    };
    const own = settings(context);
    const files = { [POLICY_FILE]: STAYS_IN_ITS_MODE };
    if (agents.home === 'session') {
      const all = merged(merged(authBy(context), administrators(context)), own);
      return { args, env, files, settings: { [GEMINI_SETTINGS]: JSON.stringify(all) } };
    }
    // The administrator's own file stays as it is. This one it takes only where it belongs to root.
    return {
      args,
      env: { ...env, GEMINI_CLI_SYSTEM_SETTINGS_PATH: join(launchFolder, SETTINGS_FILE) },
      files: { ...files, [SETTINGS_FILE]: JSON.stringify(merged(authBy(context), own)) },
    };
  },

  stdin: withoutCommand,
};

/** Google's Gemini CLI. Its modes are rules inside the program, not containment. */
export function geminiAdapter(base: AgentBases['gemini']): AgentAdapter {
  return { ...gemini, home: geminiHome(base) };
}

/** With a key, and where nobody has chosen how it is to log in, it refuses to start. */
function authBy({ environment }: LaunchContext): Record<string, unknown> {
  if ((environment.GEMINI_API_KEY ?? '') === '') return {};
  return { security: { auth: { selectedType: 'gemini-api-key' } } };
}

function settings({ policy, agents }: LaunchContext): Record<string, unknown> {
  const { telemetry, updateChecks, retries } = agents;
  return {
    general: {
      ...(updateChecks ? {} : { enableAutoUpdate: false, enableAutoUpdateNotification: false }),
      // It takes 10 attempts at most.
      ...(retries === null ? {} : { maxAttempts: Math.min(retries + 1, 10) }),
    },
    ...(telemetry
      ? {}
      : { privacy: { usageStatisticsEnabled: false }, telemetry: { enabled: false } }),
    security: {
      folderTrust: { enabled: true },
      // Otherwise it takes variables from `.gemini/.env` in the workspace, to look for a key.
      auth: { useExternal: true },
    },
    advanced: { ignoreLocalEnv: true },
    ...effortSettings(policy),
  };
}

/** Those of its own `.env`, where the server's environment does not have them. */
function administratorsVariables({
  settings: files,
  environment,
}: LaunchContext): Record<string, string | undefined> {
  const all = Object.entries(parseEnv(files.get(GEMINI_VARIABLES) ?? ''));
  return Object.fromEntries(all.filter(([name]) => !environment[name]));
}

/** @throws {RunnerError} `spawn_failed` if they cannot be read */
function administrators({ settings: files }: LaunchContext): Record<string, unknown> {
  const text = files.get(GEMINI_SETTINGS)?.trim() ?? '';
  if (text === '') return {};
  try {
    const value: unknown = JSON.parse(withoutComments(text));
    if (isJsonObject(value)) return value;
  } catch {
    // The fault below.
  }
  throw new RunnerError(
    'spawn_failed',
    "The administrator's settings.json of gemini is no JSON object; it has to be mended.",
  );
}

/** One object of two: of what both have, the second's; of lists, all. */
function merged(
  first: Record<string, unknown>,
  second: Record<string, unknown>,
): Record<string, unknown> {
  const all = { ...first };
  for (const [name, value] of Object.entries(second)) {
    const before = all[name];
    if (isJsonObject(before) && isJsonObject(value)) all[name] = merged(before, value);
    else if (Array.isArray(before) && Array.isArray(value)) all[name] = before.concat(value);
    else all[name] = value;
  }
  return all;
}

function effortSettings({ model, reasoningEffort }: RunPolicy): object {
  if (reasoningEffort === null) return {};
  const level = { thinkingLevel: LEVELS[reasoningEffort] };
  const budget = { thinkingBudget: BUDGETS[reasoningEffort] };
  const override = (name: string, thinkingConfig: object) => ({
    match: { model: name },
    modelConfig: { generateContentConfig: { thinkingConfig } },
  });
  // The CLI's own names for the two kinds of model; so it also holds where the CLI chooses the model.
  const overrides = [override('chat-base-3', level), override('chat-base-2.5', budget)];
  if (model !== null) {
    overrides.push(override(model, model.startsWith('gemini-3') ? level : budget));
  }
  return { modelConfigs: { customOverrides: overrides } };
}
