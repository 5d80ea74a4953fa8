import { ApiProperty, ApiSchema } from '@nestjs/swagger';
import { COUNT, TIME } from '../openapi/schemas.js';
import { IDLE_REASONS, type IdleSession } from './idle-sessions.service.js';

/** A session that would be removed. */
@ApiSchema({ name: 'IdleSession' })
export class IdleSessionBody {
  @ApiProperty({ type: String })
  session_id!: string;

  @ApiProperty({
    type: String,
    nullable: true,
    description: '`user:ID` or `token:NAME`; null if it has no owner.',
  })
  owner!: string | null;

  @ApiProperty({ ...TIME, description: 'When it was used last.' })
  idle_since!: string;

  @ApiProperty({ ...COUNT, description: 'Seconds since then.' })
  age_seconds!: number;

  @ApiProperty({
    type: 'integer',
    minimum: 0,
    nullable: true,
    description: 'What its files take on the disk; null if nobody has looked.',
  })
  bytes!: number | null;

  @ApiProperty({
    enum: IDLE_REASONS,
    description:
      '`last_activity`: its last run ended then, or it was written to. `folder_time`: nothing is known of either, and its folders have not changed since.',
  })
  reason!: IdleSession['reason'];
}

/** What `GET /ops/sessions/idle` answers. */
@ApiSchema({ name: 'IdleSessions' })
export class IdleSessionsBody {
  @ApiProperty({
    type: 'integer',
    minimum: 1,
    nullable: true,
    description: 'Days without use that count here; null if sessions are never removed.',
  })
  remove_after_days!: number | null;

  @ApiProperty({ type: Boolean, description: 'The server itself only logs what it would remove.' })
  dry_run!: boolean;

  @ApiProperty({ ...COUNT, description: 'All of them.' })
  total!: number;

  @ApiProperty({ ...COUNT, description: 'What those take whose size is known.' })
  total_bytes!: number;

  @ApiProperty({
    type: () => [IdleSessionBody],
    description: 'Those that have been idle longest, as many as were asked for.',
  })
  sessions!: IdleSessionBody[];
}
