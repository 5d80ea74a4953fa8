import { ApiProperty, ApiPropertyOptional, ApiSchema } from '@nestjs/swagger';
import { RunFilesBody } from '../files/changes/run-files.answers.js';
import { COUNT, TIME } from '../openapi/schemas.js';
import { OverlayBody } from '../packages/overlay.answers.js';
import { ListedResult } from './result.answers.js';
import { type AgentFacts, RUN_STATES, type RunState } from './run-record.js';

/** What `POST /runs` answers. */
export class RunReference {
  @ApiProperty({ type: String, pattern: '^[0-9a-f]{32}$' })
  run_id!: string;

  @ApiProperty({ type: String })
  session_id!: string;

  @ApiProperty({ enum: RUN_STATES, description: 'Of a run that has ended it is the reason.' })
  state!: RunState;
}

@ApiSchema({ name: 'Agent', description: 'What runs, and under which policy.' })
export class AgentBody implements AgentFacts {
  @ApiProperty({ type: String })
  provider!: string;

  @ApiProperty({ type: String })
  sandbox_policy!: string;

  @ApiProperty({ type: String, nullable: true })
  sandbox_mode!: string | null;

  @ApiProperty({ type: String, nullable: true })
  model!: string | null;

  @ApiProperty({ type: String, nullable: true })
  reasoning_effort!: string | null;

  @ApiPropertyOptional({
    type: Boolean,
    description: "Whether the session's last conversation goes on; only where that was asked for.",
  })
  resumed?: boolean;
}

/** What a list says of each run. */
@ApiSchema({ name: 'ListedRun' })
export class ListedRunBody extends ListedResult implements RunReference {
  @ApiProperty({ type: String, pattern: '^[0-9a-f]{32}$' })
  run_id!: string;

  @ApiProperty({ type: String })
  session_id!: string;

  @ApiProperty({ enum: RUN_STATES, description: 'Of a run that has ended it is the reason.' })
  state!: RunState;

  @ApiProperty({ type: String, nullable: true })
  user_id!: string | null;

  @ApiProperty({ type: String, nullable: true, description: 'As `runner.exit` has it.' })
  reason!: string | null;

  @ApiProperty({ type: String, nullable: true, description: 'As `runner.exit` has it.' })
  code!: string | null;

  @ApiProperty({ type: String, nullable: true, description: 'As `runner.exit` has it.' })
  detail!: string | null;

  @ApiProperty({
    type: 'integer',
    nullable: true,
    description: 'Of the agent; negative for a signal, null if none ran or nobody saw its end.',
  })
  return_code!: number | null;

  @ApiProperty(TIME)
  created_at!: string;

  @ApiProperty({ ...TIME, nullable: true })
  started_at!: string | null;

  @ApiProperty({ ...TIME, nullable: true })
  ended_at!: string | null;

  @ApiProperty({ type: () => AgentBody, nullable: true })
  agent!: AgentBody | null;

  @ApiProperty({ type: () => OverlayBody, nullable: true })
  package!: OverlayBody | null;

  @ApiProperty({
    type: 'object',
    additionalProperties: true,
    nullable: true,
    description: 'As it came with the request.',
  })
  metadata!: Record<string, unknown> | null;

  @ApiProperty(COUNT)
  last_event_id!: number;

  @ApiPropertyOptional({
    type: 'integer',
    minimum: 1,
    description: 'Its place in the queue; only while it waits.',
  })
  position?: number;

  @ApiPropertyOptional({
    type: 'integer',
    minimum: 0,
    description: 'How many wait; only while it waits.',
  })
  pending_total?: number;
}

/** What `GET /runs/{id}` says of a run. */
@ApiSchema({ name: 'Run' })
export class RunBody extends ListedRunBody {
  @ApiProperty({
    type: String,
    nullable: true,
    description: "The agent's last message, at most 64 KiB.",
  })
  result_text!: string | null;

  @ApiProperty({
    type: () => RunFilesBody,
    nullable: true,
    description: 'What it has changed in its session; null where that is not known.',
  })
  files!: RunFilesBody | null;

  @ApiPropertyOptional({ type: String, description: 'Only with `include=prompt`.' })
  prompt?: string;
}

/** What `GET /runs` answers. */
@ApiSchema({ name: 'RunList' })
export class RunListBody {
  @ApiProperty({ type: () => [ListedRunBody], description: 'Newest first.' })
  runs!: ListedRunBody[];

  @ApiProperty({
    type: String,
    nullable: true,
    description: 'The `cursor` of the next page; null at the end.',
  })
  next_cursor!: string | null;
}
