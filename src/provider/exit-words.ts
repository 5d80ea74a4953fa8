import type { AgentError } from './activity.js';
import { agentError, errorCodeOf } from './agent-error.js';

/** How much of the end of stderr is kept, in bytes. */
const MAX_WORDS_BYTES = 16 * 1024;

/** The end of what an agent writes to stderr: where its stdout does not say why it failed, this may. */
export class ExitWords {
  private kept = '';
  private memoryFault: AgentError | null = null;

  /** @param block whole lines, with an LF between two */
  add(block: Buffer): void {
    const text = block.toString('utf8', Math.max(0, block.length - MAX_WORDS_BYTES));
    this.kept = `${this.kept}\n${text}`.slice(-MAX_WORDS_BYTES);
    // The words of a runtime that has run out of memory may be followed by a long trace.
    if (errorCodeOf(text) !== 'out_of_memory') return;
    const line = text.split('\n').find((it) => errorCodeOf(it) === 'out_of_memory');
    if (line !== undefined) this.memoryFault ??= agentError(line, 'out_of_memory');
  }

  /** The failure that the last telling line names; null if none does. */
  get failure(): AgentError | null {
    const line = this.kept.split('\n').findLast((it) => errorCodeOf(it) !== null);
    return line === undefined ? null : agentError(line, 'agent_crashed');
  }

  /** That its runtime had no memory left, if it said so. */
  get crash(): AgentError | null {
    return this.memoryFault;
  }
}
