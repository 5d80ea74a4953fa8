import { join } from 'node:path';
import { PROJECT } from './runner.js';

/** Settings of a server whose agent is the faulty one, and which does not wait for it when it stops. */
export const FAULTY = {
  FERMILINK_CODEX_BIN: join(PROJECT, 'test', 'support', 'fault-agent.sh'),
  FERMILINK_RUNNER_DRAIN_SECONDS: '0',
  // Many runs of one test are those of no user in particular.
  FERMILINK_RUNNER_PER_USER_CONCURRENT_RUNS: '500',
  FERMILINK_RUNNER_MAX_PENDING_PER_USER: '0',
};
