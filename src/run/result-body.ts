import type { AgentError } from '../provider/agent-error.js';
import type { AgentResult, AgentUsage, Outcome } from '../provider/agent-result.js';
import type { RunEnd } from './run-record.js';

/** What `runner.exit` and `GET /runs/{id}` say of what an agent made of its run. */
export interface ResultBody {
  outcome: Outcome | null;
  error: AgentError | null;
  result_text: string | null;
  usage: UsageBody | null;
}

export interface UsageBody {
  input_tokens: number | null;
  cached_tokens: number | null;
  output_tokens: number | null;
  cost_usd: number | null;
  turns: number | null;
  tool_calls: number;
}

/** All null before the end. */
export function resultBody(end: RunEnd | null): ResultBody {
  const result = end?.result ?? null;
  return {
    outcome: result?.outcome ?? (end === null ? null : outcomeWithoutAgent(end)),
    error: result?.error ?? null,
    result_text: result?.resultText ?? null,
    usage: result === null ? null : usageBody(result.usage),
  };
}

/** Reads what `resultBody` has made. */
export function resultIn({ outcome, error, result_text, usage }: ResultBody): AgentResult | null {
  if (outcome === null || !usage) return null;
  return {
    outcome,
    error,
    resultText: result_text,
    usage: {
      inputTokens: usage.input_tokens,
      cachedTokens: usage.cached_tokens,
      outputTokens: usage.output_tokens,
      costUsd: usage.cost_usd,
      turns: usage.turns,
      toolCalls: usage.tool_calls,
    },
  };
}

function usageBody(usage: AgentUsage): UsageBody {
  return {
    input_tokens: usage.inputTokens,
    cached_tokens: usage.cachedTokens,
    output_tokens: usage.outputTokens,
    cost_usd: usage.costUsd,
    turns: usage.turns,
    tool_calls: usage.toolCalls,
  };
}

/** A run that could not be started has failed; of one whose end nobody heard nothing is known. */
function outcomeWithoutAgent({ reason }: RunEnd): Outcome {
  return reason === 'failed' ? 'failed' : 'unknown';
}
