import { join } from 'node:path';
import type { AgentSettings } from '../../config/runner-config.js';
import type { AgentAdapter, AgentInvocation, LaunchContext } from '../agent-adapter.js';
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

  invocation({ policy, launchFolder, environment, agents }: LaunchContext): AgentInvocation {
    const mode = policy.sandboxMode === null ? 'yolo' : MODES[policy.sandboxMode];
    const args = ['--output-format', 'stream-json', '--skip-trust', '--approval-mode', mode];
    if (policy.model !== null) args.push('--model', policy.model);
    return {
      args,
      env: {
        // One process instead of a parent that leaves its child behind when it is killed.
        GEMINI_CLI_NO_RELAUNCH: 'true',
        GEMINI_CLI_SYSTEM_SETTINGS_PATH: join(launchFolder, SETTINGS_FILE),
      },
      files: { [SETTINGS_FILE]: JSON.stringify(settings(policy, environment, agents)) },
    };
  },

  stdin: withoutCommand,
};

function settings(
  policy: RunPolicy,
  environment: Readonly<Record<string, string | undefined>>,
  { telemetry, updateChecks, retries }: AgentSettings,
): object {
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
