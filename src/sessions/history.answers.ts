import type { Commit } from '../files/history/commit.js';
import type { Difference } from '../files/history/history.service.js';

/** A part of the commits of a session. */
export class CommitPageBody {
  commits!: Commit[];
  next_cursor!: string | null;
}

/** How something differs from what was before it. */
export class DifferenceBody implements Difference {
  from!: string | null;
  to!: string | null;
  diff!: string;
  truncated!: boolean;
}
