import type { AgentErrorCode } from './agent-error.js';
import type { TokenCounts } from './talk.js';

/**
 * What an agent says and does, in one vocabulary for all CLIs. Field names are those of the Agent Client
 * Protocol (version 1, agentclientprotocol.com) where it has one.
 */
export type Activity =
  SessionActivity | TextActivity | ToolCall | ToolResult | UsageActivity | Notice | UnknownActivity;

/** The CLI's own name for the talk, by which it can be gone on with. */
export interface SessionActivity {
  type: 'session';
  sessionId: string;
  model?: string;
}

/** What the agent says, or, where the CLI shows it, what it thinks. */
export interface TextActivity {
  type: 'text' | 'reasoning';
  text: string;
  /** Goes on where the one before of its type has ended; otherwise it is a whole message. */
  delta?: true;
}

/** The kinds of the Agent Client Protocol. */
export const TOOL_KINDS = [
  'read',
  'edit',
  'delete',
  'move',
  'search',
  'execute',
  'think',
  'fetch',
  'other',
] as const;
export type ToolKind = (typeof TOOL_KINDS)[number];

/** A tool is used. */
export interface ToolCall {
  type: 'tool_call';
  toolCallId: string;
  /** For people: a command, or the tool's name and what it is used on. */
  title: string;
  kind: ToolKind;
  rawInput?: unknown;
}

/** A tool has ended. */
export interface ToolResult {
  type: 'tool_result';
  toolCallId: string;
  status: 'completed' | 'failed';
  rawOutput?: unknown;
}

/** Tokens and money spent since the `usage` before: those of a run add up. */
export interface UsageActivity extends TokenCounts {
  type: 'usage';
  /** Null where the CLI does not say. */
  cost: { amount: number; currency: 'USD' } | null;
}

/** Something went wrong: a `warning` if the agent goes on, else an `error`. */
export interface Notice {
  type: 'warning' | 'error';
  message: string;
  code: AgentErrorCode | null;
}

/** A line that its reading does not know. */
export interface UnknownActivity {
  type: 'unknown';
}
