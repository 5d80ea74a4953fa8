import { ApiProperty, ApiSchema } from '@nestjs/swagger';
import { COUNT } from '../openapi/schemas.js';

const TEXT_OR_NULL = { type: String, nullable: true } as const;

@ApiSchema({ name: 'Package', description: 'A scientific package.' })
export class PackageBody {
  @ApiProperty({ type: String })
  id!: string;

  @ApiProperty({ type: String })
  title!: string;

  @ApiProperty({ type: Boolean, description: 'Runs get it that nothing else decides.' })
  active!: boolean;

  @ApiProperty({
    ...TEXT_OR_NULL,
    description: 'Its folder on the server; null where the registry has none.',
  })
  installed_path!: string | null;

  @ApiProperty({
    ...TEXT_OR_NULL,
    description: 'Where it is from: `upload`, `local-path:` and its folder, or what was given.',
  })
  source!: string | null;

  @ApiProperty(TEXT_OR_NULL)
  status!: string | null;

  @ApiProperty({ ...TEXT_OR_NULL, description: 'A time, as whoever installed it has written it.' })
  installed_at!: string | null;

  @ApiProperty({ ...TEXT_OR_NULL, description: 'A time, as whoever changed it has written it.' })
  updated_at!: string | null;

  @ApiProperty({
    type: [String],
    nullable: true,
    description: 'The top-level names that go into a session; null stands for all that may.',
  })
  overlay_entries!: string[] | null;

  @ApiProperty({ type: [String], description: 'Packages that are linked beside it.' })
  dependency_package_ids!: string[];

  @ApiProperty({
    ...TEXT_OR_NULL,
    description: '`sha256:` and 64 hex digits; null for a package that was not uploaded.',
  })
  content_hash!: string | null;

  @ApiProperty({ ...COUNT, nullable: true, description: 'Bytes of its files, if it was uploaded.' })
  size_bytes!: number | null;

  @ApiProperty({ ...COUNT, nullable: true, description: 'Files and folders, if it was uploaded.' })
  entry_count!: number | null;
}

@ApiSchema({ name: 'PackageList', description: 'All packages, in order of their ids.' })
export class PackageListBody {
  @ApiProperty({
    ...TEXT_OR_NULL,
    description: 'The package that runs get where nothing else decides.',
  })
  active_package!: string | null;

  @ApiProperty({ type: () => [PackageBody] })
  packages!: PackageBody[];
}

@ApiSchema({ name: 'PackageDeletion', description: 'What became of a package.' })
export class PackageDeletionBody {
  @ApiProperty({ type: String })
  id!: string;

  @ApiProperty({ type: Boolean })
  files_removed!: boolean;

  @ApiProperty({ ...TEXT_OR_NULL, description: 'Why its files stay; null if they were removed.' })
  reason!: string | null;

  @ApiProperty({ ...TEXT_OR_NULL, description: 'The active package now.' })
  active_package!: string | null;
}
