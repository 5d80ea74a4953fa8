import { Injectable } from '@nestjs/common';
import { RunnerError } from '../common/errors.js';
import { RunnerConfig } from '../config/runner-config.js';
import { SessionSizes } from './session-sizes.service.js';

/** Refuses runs where too much is stored already. */
@Injectable()
export class SessionQuota {
  constructor(
    private readonly config: RunnerConfig,
    private readonly sizes: SessionSizes,
  ) {}

  /**
   * By the figures that are known now: what the last run has written may not be among them yet.
   * @param userKey of the run; the quota of users is for those that are named
   * @throws {RunnerError} `quota_exceeded`
   */
  require(sessionId: string, userKey: string): void {
    const { quotaBytes, userQuotaBytes } = this.config.sessions;
    const ofSession = quotaBytes === null ? 0 : (this.sizes.bytesOf(sessionId) ?? 0);
    if (quotaBytes !== null && ofSession > quotaBytes) {
      throw exceeded(
        `The files of the session take ${ofSession} bytes of the ${quotaBytes} that they may take; delete some of them, or go on in another session.`,
      );
    }
    if (userQuotaBytes === null || !userKey.startsWith('user:')) return;
    const ofUser = this.sizes.bytesOfOwner(userKey);
    if (ofUser > userQuotaBytes) {
      throw exceeded(
        `The files of this user's sessions take ${ofUser} bytes of the ${userQuotaBytes} that they may take; delete files, or sessions that are not needed any more.`,
      );
    }
  }
}

function exceeded(sentence: string): RunnerError {
  return new RunnerError('quota_exceeded', sentence);
}
