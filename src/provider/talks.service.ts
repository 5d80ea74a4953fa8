import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Inject, Injectable } from '@nestjs/common';
import { jsonObjectIn } from '../common/json.js';
import { LOGGER, type Logger } from '../common/logger.js';
import { readFile, removeFile, replaceFile } from '../common/small-files.js';
import { RunnerConfig } from '../config/runner-config.js';
import type { AgentAdapter } from './agent-adapter.js';
import { HomesService } from './homes/homes.service.js';
import { type Talk, talkIn } from './talk.js';

/**
 * Remembers the last talk of a session with each CLI, in a place that no agent is led to. What
 * cannot be remembered or read is a talk that cannot be gone on with, and nothing else.
 */
@Injectable()
export class TalksService {
  constructor(
    private readonly config: RunnerConfig,
    private readonly homes: HomesService,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** The session's last talk with a provider; null if there is none, or its CLI does not have it any more. */
  async lastOf({ id, home }: AgentAdapter, sessionId: string): Promise<Talk | null> {
    const talk = talkIn(this.read(sessionId)[id]);
    if (talk === null || home === undefined) return null;
    return (await this.homes.hasTalk(home, sessionId, talk.id)) ? talk : null;
  }

  /**
   * Remembers the talk of a run that ends.
   * @param talk as the agent named it; null if it did not
   * @param wasResumed the run was to go on with the last one
   */
  remember({ id, home }: AgentAdapter, sessionId: string, talk: Talk | null, wasResumed: boolean) {
    const isOne = talk !== null && home?.talkFile?.id.test(talk.id) === true;
    if (isOne) this.write(sessionId, id, talk);
    // The CLI did not take it up, and would not the next time.
    else if (wasResumed) this.write(sessionId, id, null);
  }

  /** Forgets the talks of a session that is no more. */
  forget(sessionId: string): void {
    removeFile(this.pathOf(sessionId));
  }

  private write(sessionId: string, provider: string, talk: Talk | null): void {
    const talks = JSON.stringify({ ...this.read(sessionId), [provider]: talk });
    try {
      mkdirSync(this.folder, { recursive: true, mode: 0o700 });
      replaceFile(this.pathOf(sessionId), talks);
    } catch (err) {
      this.logger.warn(
        { err, session: sessionId },
        'the talk of a session could not be remembered',
      );
    }
  }

  /** By provider. */
  private read(sessionId: string): Record<string, unknown> {
    try {
      return jsonObjectIn(readFile(this.pathOf(sessionId)));
    } catch (err) {
      this.logger.warn({ err, session: sessionId }, 'the talks of a session could not be read');
      return {};
    }
  }

  private pathOf(sessionId: string): string {
    return join(this.folder, `${sessionId}.json`);
  }

  private get folder(): string {
    return join(this.config.runtimeRoot, 'talks');
  }
}
