import { join } from 'node:path';
import { PROJECT_ROOT } from '../../config/load-config.js';
import type { AgentAdapter, AgentInvocation, LaunchContext } from '../agent-adapter.js';
import { codexReading } from '../readings/codex.js';

/** The small agent that ships with the project: no key, no network. Used only when it is chosen. */
export const demoAdapter: AgentAdapter = {
  id: 'demo',
  binary: process.execPath,
  environmentFamilies: [],
  politeSignal: 'SIGTERM',
  reading: codexReading,

  invocation({ policy }: LaunchContext): AgentInvocation {
    const agent = join(PROJECT_ROOT, 'dist', 'provider', 'demo', 'agent.js');
    return { args: [agent, policy.sandboxMode ?? 'bypass'] };
  },
};
