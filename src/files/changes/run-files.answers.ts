import { ApiProperty, ApiSchema } from '@nestjs/swagger';
import { COUNT } from '../../openapi/schemas.js';
import type { RunFiles } from './run-files.js';

@ApiSchema({ name: 'RunFilesTotal', description: 'How many files there are of each.' })
export class RunFilesTotalBody {
  @ApiProperty(COUNT)
  created!: number;

  @ApiProperty(COUNT)
  modified!: number;

  @ApiProperty(COUNT)
  deleted!: number;
}

@ApiSchema({
  name: 'RunFiles',
  description:
    'The regular files that a run has changed, without caches and links: at most 200 paths of all three together.',
})
export class RunFilesBody implements RunFiles {
  @ApiProperty({ type: [String] })
  created!: string[];

  @ApiProperty({ type: [String] })
  modified!: string[];

  @ApiProperty({ type: [String] })
  deleted!: string[];

  @ApiProperty({ type: () => RunFilesTotalBody })
  total!: RunFilesTotalBody;
}
