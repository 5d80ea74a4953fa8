import type { AgentReading } from '../agent-reading.js';

/** A CLI whose lines are for people: each is text, and what it made of its work nobody can tell. */
export const textReading: AgentReading = {
  signs: [],
  exitCodes: {},
  concludes: false,
  usageSpan: 'run',
  read: (line) => ({ activities: [{ type: 'text', text: `${line}\n`, delta: true }] }),
};
