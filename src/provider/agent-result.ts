import type { AgentError } from './agent-error.js';

export const OUTCOMES = ['succeeded', 'failed', 'unknown'] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** What a run has used; null where its CLI does not say. */
export interface AgentUsage {
  /** All tokens that went in, those from a cache among them. */
  inputTokens: number | null;
  cachedTokens: number | null;
  outputTokens: number | null;
  costUsd: number | null;
  /** How often the model was asked, as the CLI counts it. */
  turns: number | null;
  toolCalls: number;
}

/** What an agent made of its run, judged by what it said itself and then by its exit. */
export interface AgentResult {
  /** `unknown` where its CLI does not say. */
  outcome: Outcome;
  error: AgentError | null;
  /** Its last message, at most 64 KiB. */
  resultText: string | null;
  usage: AgentUsage;
}
