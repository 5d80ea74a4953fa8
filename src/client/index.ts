export type { Activity } from './activity.js';
export { RunnerClient, type RunOptions } from './client.js';
export {
  type FieldError,
  RunnerClientError,
  RunnerProblem,
  RunnerProtocolError,
  RunnerUnreachable,
} from './errors.js';
export type { ReconnectOptions } from './patience.js';
export type { RunEvent } from './run-events.js';
export type { FollowOptions, RunStream } from './run-stream.js';
export type { ConnectionOptions } from './transport.js';
export type * from './wire.js';
