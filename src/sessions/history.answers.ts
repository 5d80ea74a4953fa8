import { ApiProperty, ApiSchema } from '@nestjs/swagger';
import type { Commit } from '../files/history/commit.js';
import type { Difference } from '../files/history/history.service.js';
import { TIME } from '../openapi/schemas.js';

const COMMIT_ID = { type: String, pattern: '^[0-9a-f]{40}$' } as const;

@ApiSchema({ name: 'Commit', description: 'What a run has left.' })
export class CommitBody implements Commit {
  @ApiProperty(COMMIT_ID)
  commit!: string;

  @ApiProperty({ ...COMMIT_ID, nullable: true })
  parent!: string | null;

  @ApiProperty(TIME)
  committed_at!: string;

  @ApiProperty({ type: String, nullable: true })
  run_id!: string | null;

  @ApiProperty({ type: String, nullable: true })
  user_id!: string | null;

  @ApiProperty({ type: String, description: 'The first line of the prompt.' })
  title!: string;
}

@ApiSchema({ name: 'CommitList' })
export class CommitPageBody {
  @ApiProperty({ type: () => [CommitBody], description: 'Newest first.' })
  commits!: CommitBody[];

  @ApiProperty({
    type: String,
    nullable: true,
    description: 'The `cursor` of the next page; null at the end.',
  })
  next_cursor!: string | null;
}

@ApiSchema({ name: 'Difference' })
export class DifferenceBody implements Difference {
  @ApiProperty({
    ...COMMIT_ID,
    nullable: true,
    description: 'Null where that is the template, or nothing.',
  })
  from!: string | null;

  @ApiProperty({ ...COMMIT_ID, nullable: true, description: 'Null for what is there now.' })
  to!: string | null;

  @ApiProperty({ type: String, description: "In git's form." })
  diff!: string;

  @ApiProperty({ type: Boolean, description: 'There was more than 1 MiB of it.' })
  truncated!: boolean;
}
