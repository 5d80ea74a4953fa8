/** What the agent (`agent.pl`) is asked to write, and how much that is. */
export interface AgentTask {
  prompt: string;
  lines: number;
  /** Line ends among them. */
  bytes: number;
}

const HERE = '00000001 here\n';

export const ONE_LINE: AgentTask = { prompt: 'once', lines: 1, bytes: HERE.length };

/** @param width bytes of a line, its end among them */
export function linesOf(count: number, width: number): AgentTask {
  return { prompt: `lines ${count} ${width}`, lines: count, bytes: count * width };
}

/** The same, as messages of codex: each can matter to the run's result, and so each is parsed. */
export function messagesOf(count: number, width: number): AgentTask {
  return { ...linesOf(count, width), prompt: `messages ${count} ${width}` };
}

/** Lines with the time at which each was written, in seconds to the microsecond. */
export function timedLines(perSecond: number, seconds: number): AgentTask {
  const lines = perSecond * seconds;
  const bytes = lines * '00000001 1700000000.000000\n'.length;
  return { prompt: `rate ${perSecond} ${seconds}`, lines, bytes };
}

/** One line, then nothing for so long. */
export function silentFor(seconds: number): AgentTask {
  return { ...ONE_LINE, prompt: `silent ${seconds}` };
}
