import { type AgentError, agentError, errorCodeOf, OUT_OF_MEMORY } from './agent-error.js';

/** How much of the end of stderr is kept, in UTF-16 units. */
const MAX_WORDS = 16 * 1024;

/** The end of what an agent writes to stderr: where its stdout does not say why it failed, this may. */
export class ExitWords {
  private kept = '';
  private memoryFault: AgentError | null = null;

  /** @param block whole lines, with an LF between two */
  add(block: Buffer): void {
    const text = block.toString('utf8', Math.max(0, block.length - MAX_WORDS));
    this.kept = `${this.kept}\n${text}`.slice(-MAX_WORDS);
    // The words of a runtime that has run out of memory may be followed by a long trace.
    this.memoryFault ??= memoryFaultIn(block);
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

function memoryFaultIn(block: Buffer): AgentError | null {
  // The words are of ASCII; each byte is one character of this text.
  const found = OUT_OF_MEMORY.exec(block.toString('latin1'));
  if (found === null) return null;
  const start = block.lastIndexOf('\n', found.index) + 1;
  const end = block.indexOf('\n', found.index);
  const line = block.toString('utf8', start, end === -1 ? block.length : end);
  return agentError(line, 'out_of_memory');
}
