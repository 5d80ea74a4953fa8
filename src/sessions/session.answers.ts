import { ApiProperty, ApiSchema } from '@nestjs/swagger';
import type { FolderEntry } from '../files/folder-listing.service.js';
import { COUNT, TIME } from '../openapi/schemas.js';

@ApiSchema({ name: 'Session', description: 'What is known of a session.' })
export class SessionBody {
  @ApiProperty({ type: String })
  session_id!: string;

  @ApiProperty({
    type: String,
    nullable: true,
    description: 'The user whose it is, normalised; null where it is no certain user.',
  })
  user_id!: string | null;

  @ApiProperty(TIME)
  created_at!: string;

  @ApiProperty({ type: Boolean, description: 'A run of it lives, be it that it waits.' })
  is_busy!: boolean;
}

@ApiSchema({ name: 'FolderEntry', description: 'One entry of a folder.' })
export class FolderEntryBody implements FolderEntry {
  @ApiProperty({ type: String })
  name!: string;

  @ApiProperty({ type: String, description: 'From the top of the session on.' })
  path!: string;

  @ApiProperty({ enum: ['file', 'folder', 'link', 'other'] })
  type!: FolderEntry['type'];

  @ApiProperty({ ...COUNT, nullable: true, description: 'Bytes of a file.' })
  size!: number | null;

  @ApiProperty(TIME)
  modified_at!: string;

  @ApiProperty({ type: String, nullable: true, description: 'Where a link points, as a text.' })
  target!: string | null;

  @ApiProperty({
    type: Boolean,
    description: "The server's own link to a package, behind which its files can be read.",
  })
  is_package_link!: boolean;

  @ApiProperty({
    type: Boolean,
    description: 'False for a name that is no UTF-8: no path leads to it.',
  })
  addressable!: boolean;
}

@ApiSchema({ name: 'Folder', description: 'A part of a folder.' })
export class FolderPageBody {
  @ApiProperty({ type: String, description: 'Of the folder; empty for the top.' })
  path!: string;

  @ApiProperty({ type: () => [FolderEntryBody], description: 'By the bytes of their names.' })
  entries!: FolderEntryBody[];

  @ApiProperty({
    type: String,
    nullable: true,
    description: 'The `cursor` of the next page; null at the end.',
  })
  next_cursor!: string | null;
}
