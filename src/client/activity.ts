/** What an agent says and does: the data of an `activity`, in one vocabulary for all CLIs. */
export type Activity =
  | SessionActivity
  | TextActivity
  | ToolCall
  | ToolResult
  | UsageActivity
  | NoticeActivity
  | { type: 'unknown' };

export interface SessionActivity {
  type: 'session';
  sessionId: string;
  model?: string;
}

export interface TextActivity {
  type: 'text' | 'reasoning';
  text: string;
  /** Goes on where the one before of its type has ended. */
  delta?: true;
}

export type ToolKind =
  'read' | 'edit' | 'delete' | 'move' | 'search' | 'execute' | 'think' | 'fetch' | 'other';

export interface ToolCall {
  type: 'tool_call';
  toolCallId: string;
  title: string;
  kind: ToolKind;
  rawInput?: unknown;
}

export interface ToolResult {
  type: 'tool_result';
  toolCallId: string;
  status: 'completed' | 'failed';
  rawOutput?: unknown;
}

/** Spent since the `usage` before. */
export interface UsageActivity {
  type: 'usage';
  inputTokens: number;
  cachedReadTokens: number;
  outputTokens: number;
  cost: { amount: number; currency: 'USD' } | null;
}

export interface NoticeActivity {
  type: 'warning' | 'error';
  message: string;
  code: string | null;
}
