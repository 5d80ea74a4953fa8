import { jsonObjectIn } from '../../common/json.js';
import type { AgentAdapter, AgentInvocation, LaunchContext } from '../agent-adapter.js';
import type { RunPolicy } from '../policy.js';
import { opencodeReading } from '../readings/opencode.js';

const VARIANTS = { low: 'low', medium: 'medium', high: 'high', xhigh: 'max' } as const;
const CONFIG_VARIABLE = 'OPENCODE_CONFIG_CONTENT';

/** opencode. Its permissions are rules inside the program, not containment. */
export const opencodeAdapter: AgentAdapter = {
  id: 'opencode',
  binary: 'opencode',
  environmentFamilies: ['OPENCODE_'],
  politeSignal: 'SIGTERM',
  reading: opencodeReading,

  invocation({ policy, environment, agents }: LaunchContext): AgentInvocation {
    const args = ['run', '--format', 'json'];
    if (policy.model !== null) args.push('--model', policy.model);
    if (policy.reasoningEffort !== null) args.push('--variant', VARIANTS[policy.reasoningEffort]);
    const config = {
      // Providers and models that the administrator has configured stay.
      ...jsonObjectIn(environment[CONFIG_VARIABLE]),
      permission: permission(policy),
      ...(agents.updateChecks ? {} : { autoupdate: false }),
      share: 'disabled',
    };
    return { args, env: { [CONFIG_VARIABLE]: JSON.stringify(config) } };
  },
};

function permission({ sandboxMode }: RunPolicy): unknown {
  switch (sandboxMode) {
    case null:
      return 'allow';
    case 'read-only':
      return { edit: 'deny', bash: 'deny' };
    case 'workspace-write':
      return { edit: 'allow', bash: 'deny' };
  }
}
