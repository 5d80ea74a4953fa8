import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { ANYTHING } from '../openapi/schemas.js';
import * as activity from '../provider/activity.js';
import { AGENT_ERROR_CODES, type AgentErrorCode } from '../provider/agent-error.js';

/** The data of an `activity`, one class for each kind. */

export class SessionActivity implements activity.SessionActivity {
  @ApiProperty({ enum: ['session'] })
  type!: 'session';

  @ApiProperty({ type: String, description: "The CLI's own name for the talk." })
  sessionId!: string;

  @ApiPropertyOptional({ type: String })
  model?: string;
}

export class TextActivity implements activity.TextActivity {
  @ApiProperty({ enum: ['text', 'reasoning'] })
  type!: 'text' | 'reasoning';

  @ApiProperty({ type: String })
  text!: string;

  @ApiPropertyOptional({
    enum: [true],
    type: Boolean,
    description: 'It goes on where the one before of its type has ended.',
  })
  delta?: true;
}

export class ToolCallActivity implements activity.ToolCall {
  @ApiProperty({ enum: ['tool_call'] })
  type!: 'tool_call';

  @ApiProperty({ type: String })
  toolCallId!: string;

  @ApiProperty({ type: String, description: 'For people.' })
  title!: string;

  @ApiProperty({ enum: activity.TOOL_KINDS })
  kind!: activity.ToolKind;

  @ApiPropertyOptional({ ...ANYTHING, description: 'As the CLI has it.' })
  rawInput?: unknown;
}

export class ToolResultActivity implements activity.ToolResult {
  @ApiProperty({ enum: ['tool_result'] })
  type!: 'tool_result';

  @ApiProperty({ type: String })
  toolCallId!: string;

  @ApiProperty({ enum: ['completed', 'failed'] })
  status!: 'completed' | 'failed';

  @ApiPropertyOptional({ ...ANYTHING, description: 'As the CLI has it.' })
  rawOutput?: unknown;
}

export class Cost {
  @ApiProperty({ type: Number })
  amount!: number;

  @ApiProperty({ enum: ['USD'] })
  currency!: 'USD';
}

export class UsageActivity implements activity.UsageActivity {
  @ApiProperty({ enum: ['usage'] })
  type!: 'usage';

  @ApiProperty({ type: Number })
  inputTokens!: number;

  @ApiProperty({ type: Number })
  cachedReadTokens!: number;

  @ApiProperty({ type: Number })
  outputTokens!: number;

  @ApiProperty({ type: () => Cost, nullable: true })
  cost!: Cost | null;
}

export class NoticeActivity implements activity.Notice {
  @ApiProperty({ enum: ['warning', 'error'] })
  type!: 'warning' | 'error';

  @ApiProperty({ type: String })
  message!: string;

  @ApiProperty({ enum: AGENT_ERROR_CODES, nullable: true })
  code!: AgentErrorCode | null;
}

export class UnknownActivity implements activity.UnknownActivity {
  @ApiProperty({ enum: ['unknown'] })
  type!: 'unknown';
}

export const ACTIVITIES = [
  SessionActivity,
  TextActivity,
  ToolCallActivity,
  ToolResultActivity,
  UsageActivity,
  NoticeActivity,
  UnknownActivity,
] as const;
