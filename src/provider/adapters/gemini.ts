import { join } from 'node:path';
import { RunnerError } from '../../common/errors.js';
import { isJsonObject, withoutComments } from '../../common/json.js';
import type { AgentAdapter, AgentInvocation, LaunchContext } from '../agent-adapter.js';
import { GEMINI_SETTINGS } from '../homes/cli-homes.js';
import type { RunPolicy } from '../policy.js';
import { geminiReading } from '../readings/gemini.js';
import { withoutCommand } from './slash-command.js';

const MODES = { 'read-only': 'plan', 'workspace-write': 'auto_edit' } as const;
const SETTINGS_FILE = 'gemini-settings.json';

/** What an effort means to the models that take a level, and to those that take tokens. */
const LEVELS = { low: 'LOW', medium: 'MEDIUM', high: 'HIGH', xhigh: 'HIGH' } as const;
const BUDGETS = { low: 1024, medium: 4096, high: 8192, xhigh: 16_384 } as const;

/** Google's Gemini CLI. Its modes are rules inside the program, not containment. */
export const geminiAdapter: AgentAdapter = {
  id: 'gemini',
  binary: 'gemini',
  environmentFamilies: ['GEMINI_', 'GOOGLE_'],
  politeSignal: 'SIGTERM',
  reading: geminiReading,

  invocation(context: LaunchContext): AgentInvocation {
    const { policy, launchFolder, agents, talk } = context;
    const mode = policy.sandboxMode === null ? 'yolo' : MODES[policy.sandboxMode];
    const args = ['--output-format', 'stream-json', '--skip-trust', '--approval-mode', mode];
    if (policy.model !== null) args.push('--model', policy.model);
    if (talk !== null) args.push('--resume', talk);
    // One process instead of a parent that leaves its child behind when it is killed.
    const env = { GEMINI_CLI_NO_RELAUNCH: 'true' };
    const own = settings(context);
    if (agents.home === 'session') {
      const all = merged(administrators(context), own);
      return { args, env, settings: { [GEMINI_SETTINGS]: JSON.stringify(all) } };
    }
    // The administrator's own file stays as it is. This one it takes only where it belongs to root.
    return {
      args,
      env: { ...env, GEMINI_CLI_SYSTEM_SETTINGS_PATH: join(launchFolder, SETTINGS_FILE) },
      files: { [SETTINGS_FILE]: JSON.stringify(own) },
    };
  },

  stdin: withoutCommand,
};

function settings({ policy, environment, agents }: LaunchContext): Record<string, unknown> {
  const { telemetry, updateChecks, retries } = agents;
  const hasKey = (environment.GEMINI_API_KEY ?? '') !== '';
  return {
    general: {
      ...(updateChecks ? {} : { enableAutoUpdate: false, enableAutoUpdateNotification: false }),
      // It takes 10 attempts at most.
      ...(retries === null ? {} : { maxAttempts: Math.min(retries + 1, 10) }),
    },
    ...(telemetry
      ? {}
      : { privacy: { usageStatisticsEnabled: false }, telemetry: { enabled: false } }),
    // With a key and without this it refuses to start when nobody has chosen in a dialogue.
    ...(hasKey ? { security: { auth: { selectedType: 'gemini-api-key' } } } : {}),
    ...effortSettings(policy),
  };
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
