import { Injectable } from '@nestjs/common';
import { RunnerError } from '../common/errors.js';
import { RunnerConfig } from '../config/runner-config.js';
import { adaptersFor } from './adapters/index.js';
import type { AgentAdapter } from './agent-adapter.js';
import type { RunPolicy } from './policy.js';

/** Every provider that this runner can drive. */
@Injectable()
export class AdapterRegistry {
  private readonly adapters: ReadonlyMap<string, AgentAdapter>;

  constructor(config: RunnerConfig) {
    this.adapters = adaptersFor(config);
  }

  /** Those that the project brings along come first. */
  all(): AgentAdapter[] {
    return [...this.adapters.values()];
  }

  /** Null for a provider that this runner does not have, or has no more. */
  find(provider: string): AgentAdapter | null {
    return this.adapters.get(provider) ?? null;
  }

  /** @throws {RunnerError} `provider_not_implemented` */
  require(provider: string): AgentAdapter {
    const adapter = this.find(provider);
    if (adapter === null) {
      const known = [...this.adapters.keys()].join(', ');
      throw new RunnerError(
        'provider_not_implemented',
        `This runner has no implementation of the provider "${provider}"; the administrator can choose one of: ${known}.`,
      );
    }
    return adapter;
  }
}

/** Why a provider cannot be started in a mode; null if it can. */
export function modeFault(
  { id, modes }: AgentAdapter,
  sandboxMode: RunPolicy['sandboxMode'],
): string | null {
  const mode = sandboxMode ?? 'bypass';
  if (modes === undefined || modes.has(mode)) return null;
  return `The provider "${id}" cannot be started in the mode "${mode}"; the administrator can define it in FERMILINK_PROVIDERS_FILE, or choose one of: ${[...modes].join(', ')}.`;
}
