import { randomBytes } from 'node:crypto';
import { userKeyOf } from '../admission/user-key.js';
import { nowUtc } from '../common/clock.js';
import { newSessionId } from '../workspace/session-id.js';
import { newRunId } from './run-id.js';
import { type KeyClaim, queuedRecord, type RunRecord } from './run-record.js';
import type { OnDisconnect, RunRequest } from './run-request.js';

/** A request that names no user is for the one for whom its caller acts. */
export function forUser(request: RunRequest, userId: string | null): RunRequest {
  return request.user_id !== undefined || userId === null
    ? request
    : { ...request, user_id: userId };
}

/** The record of the run that a request makes. */
export function recordOf(
  request: RunRequest,
  claim: KeyClaim | null,
  onDisconnect: OnDisconnect,
): RunRecord {
  const sessionId = request.session_id ?? newSessionId();
  const userId = request.user_id?.trim() ?? null;
  return queuedRecord({
    id: newRunId(),
    sessionId,
    userId,
    userKey: userKeyOf(userId, sessionId),
    order: {
      prompt: request.user_prompt,
      packageId: request.package_id ?? null,
      sandbox: request.sandbox ?? null,
      maxRuntimeSeconds: request.max_runtime_seconds ?? null,
      onDisconnect: request.on_disconnect ?? onDisconnect,
      metadata: request.metadata ?? null,
      continueConversation: request.continue_conversation ?? false,
    },
    claim,
    cookie: randomBytes(18).toString('base64url'),
    createdAt: nowUtc(),
  });
}
