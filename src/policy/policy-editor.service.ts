import { dirname, join } from 'node:path';
import { lstat } from 'node:fs/promises';
import { Inject, Injectable } from '@nestjs/common';
import { writeAtomically } from '../common/atomic-file.js';
import { nowUtc } from '../common/clock.js';
import { errnoOf, RunnerError } from '../common/errors.js';
import { type FileLock, lockFile } from '../common/file-lock.js';
import { jsonObjectIn } from '../common/json.js';
import { Limiter } from '../common/limiter.js';
import { LOGGER, type Logger } from '../common/logger.js';
import { RunnerConfig } from '../config/runner-config.js';
import { names } from '../common/conditions.js';
import { POLICY_MEMBERS, type StoredPolicy } from '../provider/policy.js';
import { type PolicyFile, PolicyService } from '../provider/policy.service.js';
import { effectiveBody, type PolicyBody } from './policy.answers.js';
import { PolicyCheck } from './policy-check.service.js';
import { entityTag } from './entity-tag.js';

/** How long a change waits for another server or tool that changes the policy, in seconds. */
const LOCK_SECONDS = 5;
const LOCK_FILE = '.agent_runtime.lock';

/** The policy and the tag of this state of it. */
export interface ShownPolicy {
  answer: PolicyBody;
  tag: string;
}

/** A change of the policy, and who wants it. */
export interface PolicyChange {
  policy: StoredPolicy;
  /** `If-Match`, or undefined. */
  ifMatch: string | undefined;
  /** The caller's name, for the log. */
  by: string;
}

/** Shows `agent_runtime.json` to administrators, and changes it for them (contract, section 2). */
@Injectable()
export class PolicyEditor {
  private readonly turns = new Limiter(1);

  constructor(
    @Inject(LOGGER) private readonly logger: Logger,
    private readonly config: RunnerConfig,
    private readonly policies: PolicyService,
    private readonly check: PolicyCheck,
  ) {}

  /** What is stored, and what holds. */
  async show(): Promise<ShownPolicy> {
    return this.shown(await this.policies.read());
  }

  /**
   * Replaces what is stored; the next run gets it. Members of the file that the runner does not know are
   * kept.
   * @throws {RunnerError} `invalid_request` if runs could not be started under it, `precondition_failed`,
   *   `policy_busy`, `policy_unwritable`, `disk_full`
   */
  async change(change: PolicyChange): Promise<ShownPolicy> {
    await this.check.requireStartable(change.policy);
    return this.turns.run(async () => {
      const lock = await this.lock();
      try {
        return await this.replace(change);
      } finally {
        await lock.release();
      }
    });
  }

  private async replace({ policy, ifMatch, by }: PolicyChange): Promise<ShownPolicy> {
    const before = await this.policies.read();
    if (ifMatch !== undefined && !names(ifMatch, (await this.shown(before)).tag)) {
      throw new RunnerError(
        'precondition_failed',
        'The policy has been changed since it was read; read it again, and then decide.',
      );
    }
    await this.requireReplaceable(before);
    const document = {
      ...jsonObjectIn(before.bytes?.toString('utf8')),
      version: 1,
      ...policy,
      updated_at: nowUtc(),
    };
    try {
      const text = `${JSON.stringify(document, null, 2)}\n`;
      await writeAtomically(this.config.policyFile, text, { newMode: 0o600 });
    } catch (error) {
      throw this.explained(error);
    }
    const from = before.fault ?? before.stored;
    this.logger.info(
      { by, changed: changes(before.stored, policy), from, to: policy },
      'the policy was changed',
    );
    return this.show();
  }

  private async shown({ bytes, stored, fault }: PolicyFile): Promise<ShownPolicy> {
    const policy = await this.policies.forRun(null).catch(() => null);
    const { updated_at: updatedAt } = jsonObjectIn(bytes?.toString('utf8'));
    const answer: PolicyBody = {
      stored,
      effective: policy === null ? null : effectiveBody(policy),
      overridden_by_environment: this.overridden(),
      updated_at: stored !== null && typeof updatedAt === 'string' ? updatedAt : null,
      problem: fault === null ? null : `agent_runtime.json is not valid: ${fault}.`,
    };
    return { answer, tag: entityTag(bytes, JSON.stringify(answer)) };
  }

  private overridden(): string[] {
    const { policyOverrides: fixed } = this.config;
    const byName = {
      provider: fixed.provider,
      sandbox_policy: fixed.sandboxPolicy,
      sandbox_mode: fixed.sandboxMode,
      model: fixed.model,
      reasoning_effort: fixed.reasoningEffort,
    };
    return POLICY_MEMBERS.filter((name) => byName[name] !== null);
  }

  /**
   * Where a link leads to what is no policy, replacing it could destroy what somebody else has there; and
   * something that is no file is not the runner's to remove.
   */
  private async requireReplaceable({ bytes, stored, fault }: PolicyFile): Promise<void> {
    const saysSomething = POLICY_MEMBERS.some((name) => (stored?.[name] ?? null) !== null);
    if (fault === null && (saysSomething || bytes === null)) return;
    const isLink = await lstat(this.config.policyFile).then(
      (stats) => stats.isSymbolicLink(),
      () => false,
    );
    if (isLink) {
      throw unwritable(
        'agent_runtime.json is a link to something that is no valid policy; the administrator has to mend it on the server.',
      );
    }
    if (fault !== null && bytes === null) {
      throw unwritable(
        'agent_runtime.json cannot be read, or is no file of a sensible size; the administrator has to remove it on the server.',
      );
    }
  }

  /** Against other servers that share `FERMILINK_HOME`. */
  private async lock(): Promise<FileLock> {
    let lock: FileLock | null;
    try {
      const path = join(dirname(this.config.policyFile), LOCK_FILE);
      lock = await lockFile(path, LOCK_SECONDS, { mode: 0o600 });
    } catch (error) {
      throw this.explained(error);
    }
    if (lock !== null) return lock;
    throw new RunnerError(
      'policy_busy',
      'Somebody else is changing the policy; try again in a moment.',
      { retryAfterSeconds: 1 },
    );
  }

  private explained(error: unknown): unknown {
    if (['ENOSPC', 'EDQUOT', 'EMFILE', 'ENFILE'].includes(errnoOf(error) ?? '')) return error;
    this.logger.error({ err: error }, 'agent_runtime.json could not be written');
    return unwritable(
      'agent_runtime.json could not be written; the log of the runner has the cause.',
      error,
    );
  }
}

function changes(before: StoredPolicy | null, after: StoredPolicy): string[] {
  return POLICY_MEMBERS.filter((name) => (before?.[name] ?? null) !== after[name]);
}

function unwritable(detail: string, cause?: unknown): RunnerError {
  return new RunnerError('policy_unwritable', detail, { cause });
}
