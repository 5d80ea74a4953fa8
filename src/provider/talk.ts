import { isJsonObject } from '../common/json.js';

/** A conversation that a CLI can go on with. */
export interface Talk {
  /** The CLI's own id of it. */
  readonly id: string;
  /** What the CLI had counted at its end, where it counts the whole talk and not each run. */
  readonly counted: TokenCounts | null;
  /** The same for what it has cost, in US dollars. */
  readonly costUsd: number | null;
}

export interface TokenCounts {
  /** All tokens that went in, those from a cache among them. */
  readonly inputTokens: number;
  readonly cachedReadTokens: number;
  /** All tokens that came out, those of reasoning among them. */
  readonly outputTokens: number;
}

/** Reads what was written of a talk; null for anything else. */
export function talkIn(value: unknown): Talk | null {
  if (!isJsonObject(value) || typeof value.id !== 'string') return null;
  const costUsd = Number.isFinite(value.costUsd) ? (value.costUsd as number) : null;
  return { id: value.id, counted: countsIn(value.counted), costUsd };
}

function countsIn(value: unknown): TokenCounts | null {
  if (!isJsonObject(value)) return null;
  const { inputTokens, cachedReadTokens, outputTokens } = value;
  const counts = { inputTokens, cachedReadTokens, outputTokens };
  return Object.values(counts).every(Number.isFinite) ? (counts as TokenCounts) : null;
}
