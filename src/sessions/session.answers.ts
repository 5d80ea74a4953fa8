import type { FolderEntry } from '../files/folder-listing.service.js';

/** What is known of a session. */
export class SessionBody {
  session_id!: string;
  user_id!: string | null;
  created_at!: string;
  is_busy!: boolean;
}

/** A part of a folder. */
export class FolderPageBody {
  path!: string;
  entries!: FolderEntry[];
  next_cursor!: string | null;
}
