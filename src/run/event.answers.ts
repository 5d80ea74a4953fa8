import { ApiProperty, ApiPropertyOptional, ApiSchema } from '@nestjs/swagger';
import { RunFilesBody } from '../files/changes/run-files.answers.js';
import { CODE_MEANINGS } from '../openapi/codes.js';
import { OverlayBody } from '../packages/overlay.answers.js';
import { ListedResult } from './result.answers.js';
import { END_CODES, END_REASONS, type EndCause } from './run-record.js';
import { AgentBody } from './run.answers.js';

/** The data of each event whose data is the server's own. */

@ApiSchema({ name: 'MetaEvent' })
export class MetaEvent {
  @ApiProperty({ type: String })
  session_id!: string;

  @ApiProperty({ type: String })
  run_id!: string;

  @ApiPropertyOptional({ type: () => OverlayBody })
  package?: OverlayBody;

  @ApiProperty({ type: () => AgentBody })
  agent!: AgentBody;
}

export class LogEvent {
  @ApiProperty({
    type: String,
    description: "A line of the agent's stderr, or a note of the server.",
  })
  text!: string;
}

export class StalledEvent {
  @ApiProperty({ type: 'integer', minimum: 0, description: 'For so long it has written nothing.' })
  silent_seconds!: number;
}

export class QueuedEvent {
  @ApiProperty({ type: String })
  run_id!: string;

  @ApiProperty({ type: 'integer', minimum: 1, description: 'By arrival; it never grows.' })
  position!: number;

  @ApiProperty({ type: 'integer', minimum: 0 })
  pending_total!: number;
}

export class ShutdownEvent {
  @ApiProperty({ type: 'integer', minimum: 0, description: 'So long live runs have to end.' })
  drain_seconds!: number;
}

@ApiSchema({
  name: 'RunnerExitEvent',
  description: 'How a run ended, and what its agent made of it.',
})
export class RunnerExitEvent extends ListedResult implements EndCause {
  @ApiProperty({ type: String })
  run_id!: string;

  @ApiProperty({ type: String })
  session_id!: string;

  @ApiProperty({ enum: END_REASONS })
  reason!: EndCause['reason'];

  @ApiProperty({ type: 'integer', nullable: true })
  return_code!: number | null;

  @ApiProperty({
    enum: [...END_CODES, ...Object.keys(CODE_MEANINGS)].sort(),
    nullable: true,
    description: 'What ended it, where it was not the agent itself.',
  })
  code!: EndCause['code'];

  @ApiProperty({ type: String, nullable: true })
  detail!: string | null;

  @ApiProperty({ type: Boolean, description: 'Part of its tree did not end when it was asked to.' })
  killed!: boolean;

  @ApiProperty({ type: 'integer', minimum: 0, description: 'Processes that could not be ended.' })
  survivors!: number;

  @ApiProperty({ type: String, nullable: true })
  result_text!: string | null;

  @ApiProperty({
    type: () => RunFilesBody,
    nullable: true,
    description: 'What it has changed in its session; null where that is not known.',
  })
  files!: RunFilesBody | null;
}
