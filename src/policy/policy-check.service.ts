import { Injectable } from '@nestjs/common';
import type { RunnerError } from '../common/errors.js';
import { invalidRequest } from '../common/invalid-request.js';
import { RunnerConfig } from '../config/runner-config.js';
import { AdapterRegistry, modeFault } from '../provider/adapter-registry.js';
import { runPolicy, type StoredPolicy, withDefaults, withOverrides } from '../provider/policy.js';
import { notFound, ProgramService } from '../provider/program.service.js';

/** Looks whether runs could be started under a policy, before it is stored. */
@Injectable()
export class PolicyCheck {
  constructor(
    private readonly config: RunnerConfig,
    private readonly adapters: AdapterRegistry,
    private readonly programs: ProgramService,
  ) {}

  /** @throws {RunnerError} `invalid_request` where every run under it would fail */
  async requireStartable(stored: StoredPolicy): Promise<void> {
    const { policyOverrides } = this.config;
    const chosen = withDefaults(stored);
    const known = this.adapters.all().map(({ id }) => id);
    if (!known.includes(chosen.provider)) {
      throw refused('provider', `must be one of: ${known.join(', ')}`);
    }
    // With what the environment decides: under that the next run is started.
    const { provider, sandboxMode } = runPolicy(withOverrides(chosen, policyOverrides), null);
    const adapter = this.adapters.require(provider);
    const fault = modeFault(adapter, sandboxMode);
    if (fault !== null) throw refused('sandbox_mode', `does not suit the provider: ${fault}`);
    // One that the environment has chosen is no matter of this change.
    if (policyOverrides.provider === null && (await this.programs.find(adapter)) === null) {
      throw refused('provider', `cannot be started: ${notFound(adapter)}`);
    }
  }
}

function refused(field: string, message: string): RunnerError {
  return invalidRequest([{ field, message: message.replace(/\.$/, '') }]);
}
