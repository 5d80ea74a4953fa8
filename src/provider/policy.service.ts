import { Injectable } from '@nestjs/common';
import { isDanglingLink, readRegularFile } from '../common/regular-file.js';
import { RunnerError } from '../common/errors.js';
import { RunnerConfig } from '../config/runner-config.js';
import {
  defaultPolicy,
  type Policy,
  PolicyFault,
  type RunPolicy,
  runPolicy,
  type StoredPolicy,
  storedPolicyIn,
  withDefaults,
  withOverrides,
} from './policy.js';

const MAX_POLICY_BYTES = 1024 * 1024;

/** `agent_runtime.json` as it was found. */
export interface PolicyFile {
  /** What it holds; null where there is none, or it cannot be read. */
  bytes: Buffer | null;
  /** Null where there is none, or it is not valid. */
  stored: StoredPolicy | null;
  /** What is wrong with it, as the end of a sentence; null if nothing is. */
  fault: string | null;
}

/** Reads `agent_runtime.json` for every run, so that a change needs no restart. */
@Injectable()
export class PolicyService {
  private lastValid: Policy | null = null;

  constructor(private readonly config: RunnerConfig) {}

  /**
   * The policy that holds now. While the file is invalid it is the last valid one of this process.
   * @throws {RunnerError} `policy_invalid` if there was none
   */
  async current(): Promise<Policy> {
    const { fault } = await this.read();
    if (this.lastValid === null) {
      throw new RunnerError(
        'policy_invalid',
        `The policy of the runner (agent_runtime.json) is not valid: ${fault}. The administrator has to mend it.`,
      );
    }
    return withOverrides(this.lastValid, this.config.policyOverrides);
  }

  /** The policy of one run. Errors as for `current`. */
  async forRun(requestedSandbox: string | null): Promise<RunPolicy> {
    return runPolicy(await this.current(), requestedSandbox);
  }

  /** What is wrong with the file now, also while the last valid policy holds; null if nothing is. */
  async problem(): Promise<string | null> {
    const { fault } = await this.read();
    return fault === null ? null : `agent_runtime.json is not valid: ${fault}.`;
  }

  /** The file as it is now; from then on its policy is the one that holds, if it is valid. */
  async read(): Promise<PolicyFile> {
    let bytes: Buffer | null = null;
    try {
      const path = this.config.policyFile;
      bytes = await readRegularFile(path, MAX_POLICY_BYTES, { followLink: true });
      // The defaults could allow what the file that is missing forbids.
      if (bytes === null && (await isDanglingLink(path))) {
        throw new PolicyFault(null, 'it is a link that leads nowhere');
      }
      const stored = bytes === null ? null : storedPolicyIn(JSON.parse(bytes.toString('utf8')));
      this.lastValid = stored === null ? defaultPolicy() : withDefaults(stored);
      return { bytes, stored, fault: null };
    } catch (error) {
      return { bytes, stored: null, fault: faultOf(error) };
    }
  }
}

function faultOf(error: unknown): string {
  if (error instanceof PolicyFault) return error.message;
  if (error instanceof SyntaxError) return 'it is not JSON';
  return 'it cannot be read, or is no file of a sensible size';
}
