import { createHash, timingSafeEqual } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { Inject, Injectable } from '@nestjs/common';
import { LOGGER, type Logger } from '../common/logger.js';
import { RunnerConfig } from '../config/runner-config.js';
import { MAX_TOKENS_BYTES, type TokenDefinition, tokensOf } from '../config/tokens-file.js';
import { WatchedFile } from './watched-file.js';

interface KnownToken {
  definition: TokenDefinition;
  hash: Buffer;
}

/** Who may write it could give themselves any right. */
const WRITABLE_BY_OTHERS = 0o022;

/** The tokens of `FERMILINK_RUNNER_TOKENS_FILE`. */
@Injectable()
export class TokenList {
  private readonly file: WatchedFile<KnownToken[]> | null;

  constructor(
    { identity: { tokensFile } }: RunnerConfig,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {
    if (tokensFile === null) this.file = null;
    else {
      this.file = new WatchedFile(
        tokensFile,
        MAX_TOKENS_BYTES,
        (text, faults) => tokensOf(text, faults).map(known),
        (fault) => {
          this.logger.error(
            `FERMILINK_RUNNER_TOKENS_FILE has become invalid: ${fault}. The tokens that it had before hold.`,
          );
        },
        () => void this.checkPermissions(tokensFile),
      );
    }
  }

  /** The token that somebody presents, also one that has expired; null if it is none. */
  async find(presented: string): Promise<TokenDefinition | null> {
    const tokens = (await this.file?.current()) ?? [];
    const hash = createHash('sha256').update(presented).digest();
    let found: TokenDefinition | null = null;
    // All of them, so that the time says nothing of which one it nearly was.
    for (const token of tokens) {
      if (timingSafeEqual(hash, token.hash)) found = token.definition;
    }
    return found;
  }

  /** Why the file does not hold as it is, as a sentence; null if it does. */
  async problem(): Promise<string | null> {
    const fault = (await this.file?.fault()) ?? null;
    return fault === null
      ? null
      : `FERMILINK_RUNNER_TOKENS_FILE is not valid: ${fault}. The tokens that it had before hold.`;
  }

  private async checkPermissions(path: string): Promise<void> {
    const { mode } = await stat(path).catch(() => ({ mode: 0 }));
    if ((mode & WRITABLE_BY_OTHERS) === 0) return;
    this.logger.warn(
      'FERMILINK_RUNNER_TOKENS_FILE can be written by others than its owner, who could so make tokens of their own; chmod 600 mends that.',
    );
  }
}

function known(definition: TokenDefinition): KnownToken {
  return { definition, hash: Buffer.from(definition.sha256, 'hex') };
}
