export type { Activity } from './activity.js';
export { RunnerClient, type RunOptions } from './client.js';
export {
  type FieldError,
  RunnerArgumentError,
  RunnerClientError,
  RunnerProblem,
  RunnerProtocolError,
  RunnerUnreachable,
} from './errors.js';
export type * from './wire-resources.js';
export type { FollowOptions } from './follow-options.js';
export type { PackagesClient } from './packages.js';
export type { PolicyClient, PolicyState } from './policy.js';
export type { ReconnectOptions } from './patience.js';
export type { RunEvent } from './run-events.js';
export type { RunStream } from './run-stream.js';
export type { Download, SessionClient } from './session.js';
export type { Body, ConnectionOptions } from './transport.js';
export type * from './wire.js';
