import type { AgentError } from '../activity.js';
import { agentError, errorCodeOf } from '../agent-error.js';
import type { AgentExit } from '../agent-reading.js';

/** The failure that the last telling line of stderr names; null after a success, or if no line tells. */
export function failureInWords({ returnCode, stderr }: AgentExit): AgentError | null {
  if (returnCode === 0) return null;
  const line = stderr.split('\n').findLast((it) => errorCodeOf(it) !== null);
  return line === undefined ? null : agentError(line, 'agent_crashed');
}
