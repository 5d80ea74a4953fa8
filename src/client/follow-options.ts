import type { ReconnectOptions } from './patience.js';
import type { View } from './wire.js';

/** How a run is followed. */
export interface FollowOptions {
  /** `raw` shows the lines of the agent, `activity` what they come to; `raw`. */
  view?: View;
  /** The number of the last event that is known already; 0. */
  after?: number;
  /** Ends the iteration with its reason, and closes the connection. */
  signal?: AbortSignal;
  /** Who leaves before the end cancels the run; else the rule of the run holds (`on_disconnect`). */
  cancelOnLeave?: boolean;
  reconnect?: ReconnectOptions;
}
