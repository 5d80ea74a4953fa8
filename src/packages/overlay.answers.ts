import { ApiProperty, ApiPropertyOptional, ApiSchema } from '@nestjs/swagger';
import { COUNT } from '../openapi/schemas.js';
import {
  LINK_MODES,
  type LinkedDependency,
  type LinkMode,
  type OverlaySummary,
} from './package-types.js';

@ApiSchema({ name: 'LinkedDependency' })
export class LinkedDependencyBody implements LinkedDependency {
  @ApiProperty({ type: String })
  package_id!: string;

  @ApiProperty({ enum: LINK_MODES })
  mode!: LinkMode;

  @ApiProperty({ type: String, description: 'Where the link points, or what was copied.' })
  source!: string;

  @ApiPropertyOptional({ type: String, description: 'Of a copy: by what it is known again.' })
  identity?: string;
}

/** What a run's overlay has put into its session. */
@ApiSchema({ name: 'Overlay', description: "What was linked into the run's session." })
export class OverlayBody implements OverlaySummary {
  @ApiProperty({ type: String })
  package_id!: string;

  @ApiProperty({ type: String, description: 'The folder of the package on the server.' })
  package_path!: string;

  @ApiProperty(COUNT)
  linked_count!: number;

  @ApiProperty(COUNT)
  collision_count!: number;

  @ApiProperty({ type: [String], description: 'What was there already, and was kept.' })
  collisions!: string[];

  @ApiProperty({ type: [String] })
  requested_entries!: string[];

  @ApiProperty({ type: [String] })
  missing_requested_entries!: string[];

  @ApiProperty({ type: [String] })
  dependency_package_ids!: string[];

  @ApiProperty(COUNT)
  linked_dependency_count!: number;

  @ApiProperty({ type: () => [LinkedDependencyBody] })
  linked_dependency_packages!: LinkedDependencyBody[];

  @ApiProperty({ type: [String] })
  missing_dependency_packages!: string[];

  @ApiProperty(COUNT)
  dependency_collision_count!: number;

  @ApiProperty({ type: [String] })
  dependency_collisions!: string[];
}
