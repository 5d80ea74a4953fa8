import { join } from 'node:path';
import { INSTRUCTION_FILE } from '../../common/instruction-files.js';
import { isJsonObject, jsonObjectIn } from '../../common/json.js';
import type { AgentBases } from '../../config/runner-config.js';
import type { AgentAdapter, AgentInvocation, LaunchContext } from '../agent-adapter.js';
import { opencodeHome } from '../homes/cli-homes.js';
import type { RunPolicy } from '../policy.js';
import { opencodeReading } from '../readings/opencode.js';

/** Otherwise it asks, nobody answers, and the run ends without a word from the model. */
const OUTSIDE = { external_directory: 'deny' };
const CONFIG_VARIABLE = 'OPENCODE_CONFIG_CONTENT';

/**
 * Makes it find installed what it fetches into each new home from the registry of packages: what plugins
 * of that home are written with. In a session's home there are none.
 */
const NOTHING_TO_INSTALL = {
  '.config/opencode/package-lock.json': JSON.stringify({
    packages: { '': { dependencies: { '@opencode-ai/plugin': '*' } } },
  }),
  '.config/opencode/node_modules/.package-lock.json': '{}',
};

/** What stands in a workspace can start programs, lift the mode, and send the key to another server. */
const NO_PROJECT_CONFIG = { OPENCODE_DISABLE_PROJECT_CONFIG: '1' };
/** It imports plugins that these name or hold, nevertheless. */
const PLUGIN_PLACES = ['.opencode', 'opencode.json', 'opencode.jsonc'];
/** Otherwise it fetches its list of models anew for each new home. */
const NO_MODELS_FETCH = { OPENCODE_DISABLE_MODELS_FETCH: '1' };

const opencode: AgentAdapter = {
  id: 'opencode',
  binary: 'opencode',
  tested: { package: 'opencode-ai', versions: ['1.18.33'] },
  credentials: {
    // It knows those of many providers of models.
    isVariable: (name, value) =>
      name.endsWith('_API_KEY') || (name === CONFIG_VARIABLE && hasKey(value)),
    hint: 'set OPENCODE_CONFIG_CONTENT with a key, or log in with "opencode auth login"',
  },
  environmentFamilies: ['OPENCODE_'],
  politeSignal: 'SIGTERM',
  reading: opencodeReading,
  startsFrom: PLUGIN_PLACES,

  invocation({ policy, environment, agents, repoPath, talk }: LaunchContext): AgentInvocation {
    const args = ['run', '--format', 'json'];
    if (policy.model !== null) args.push('--model', policy.model);
    if (policy.reasoningEffort !== null) args.push('--variant', variantOf(policy));
    if (talk !== null) args.push('--session', talk);
    const administrators = jsonObjectIn(environment[CONFIG_VARIABLE]);
    const config = {
      // Providers and models that the administrator has configured stay.
      ...administrators,
      permission: permission(policy),
      ...(agents.updateChecks ? {} : { autoupdate: false }),
      share: 'disabled',
      instructions: instructions(administrators, repoPath),
    };
    const env = { [CONFIG_VARIABLE]: JSON.stringify(config), ...NO_PROJECT_CONFIG };
    if (agents.updateChecks) return { args, env };
    return { args, env: { ...env, ...NO_MODELS_FETCH }, settings: NOTHING_TO_INSTALL };
  },
};

/** The rules of the workspace have to be named, since it reads nothing there by itself. */
function instructions(administrators: Record<string, unknown>, repoPath: string): unknown[] {
  const all: unknown = administrators.instructions;
  const rules = join(repoPath, INSTRUCTION_FILE);
  return Array.isArray(all) ? [...(all as unknown[]), rules] : [rules];
}

/** opencode. Its permissions are rules inside the program, not containment. */
export function opencodeAdapter(base: AgentBases['opencode']): AgentAdapter {
  return { ...opencode, home: opencodeHome(base) };
}

/** Whether settings have a key in them. */
function hasKey(settings: string): boolean {
  const { provider } = jsonObjectIn(settings);
  return Object.values(isJsonObject(provider) ? provider : {}).some(
    (it) => isJsonObject(it) && isJsonObject(it.options) && Boolean(it.options.apiKey),
  );
}

/** A variant that a model does not have is passed over in silence, and more than `high` few have. */
function variantOf({ model, reasoningEffort }: RunPolicy): string {
  if (reasoningEffort !== 'xhigh') return reasoningEffort ?? '';
  return model?.startsWith('anthropic/') === true ? 'max' : 'high';
}

function permission({ sandboxMode }: RunPolicy): unknown {
  switch (sandboxMode) {
    case null:
      return 'allow';
    case 'read-only':
      return { edit: 'deny', bash: 'deny', ...OUTSIDE };
    case 'workspace-write':
      return { edit: 'allow', bash: 'deny', ...OUTSIDE };
  }
}
