import { Injectable } from '@nestjs/common';
import { PROVIDER_IDS, type ProviderId } from '../config/environment.js';
import { RunnerConfig } from '../config/runner-config.js';
import { AdapterRegistry, modeFault } from './adapter-registry.js';
import type { AgentAdapter } from './agent-adapter.js';
import { findBinary, findUnexecutable } from './binary.js';
import { PolicyService } from './policy.service.js';

/** Finds the programs of the providers, and says what is wrong where one is not there. */
@Injectable()
export class ProgramService {
  constructor(
    private readonly config: RunnerConfig,
    private readonly adapters: AdapterRegistry,
    private readonly policies: PolicyService,
  ) {}

  /** The program that is started for a provider; null if there is none. */
  async find(adapter: AgentAdapter): Promise<string | null> {
    const found = await this.binaryOf(adapter);
    return found === null ? null : ((await adapter.nativeBinary?.(found)) ?? found);
  }

  /** The same for the administrator, who is told why there is none. */
  async look(adapter: AgentAdapter): Promise<{ path: string } | { path: null; fault: string }> {
    const path = await this.find(adapter);
    if (path !== null) return { path };
    const { PATH } = this.config.environment;
    const closed = await findUnexecutable(this.nameOf(adapter), PATH);
    if (closed === null) return { path: null, fault: notFound(adapter) };
    const fault = `The CLI of ${adapter.id} is ${JSON.stringify(closed)}, which this user may not execute; change its permissions.`;
    return { path: null, fault };
  }

  /** Why no run could start now; null if nothing is in the way. */
  async problem(): Promise<string | null> {
    const problem = await this.policies.problem();
    if (problem !== null) return problem;
    const { provider, sandboxMode } = await this.policies.forRun(null);
    const adapter = this.adapters.find(provider);
    if (adapter === null) {
      return 'The configured provider has no implementation in this runner.';
    }
    const fault = modeFault(adapter, sandboxMode);
    if (fault !== null) return fault;
    const missing = await this.withoutProgram();
    return missing === null ? null : notFound(missing);
  }

  /**
   * What is wrong in the environment of a server whose chosen CLI is not there, for its administrator
   * alone; null if it is there, or none is known.
   */
  async fault(): Promise<string | null> {
    const missing = await this.withoutProgram();
    if (missing === null) return null;
    const variable = isBuiltIn(missing) ? variableOf(missing) : null;
    if (variable === null) return notFound(missing);
    const named = this.config.environment[variable]?.trim() ?? '';
    if (named === '') return notFound(missing);
    const rule = named.includes('/') ? 'an executable file' : 'the name of a program on PATH';
    return `${variable} is ${JSON.stringify(named)}, but it must be ${rule}.`;
  }

  /** The adapter of the chosen provider if its CLI is not there. */
  private async withoutProgram(): Promise<AgentAdapter | null> {
    const policy = await this.policies.current().catch(() => null);
    const adapter = this.adapters.find(policy?.provider ?? '');
    if (adapter === null) return null;
    return (await this.binaryOf(adapter)) === null ? adapter : null;
  }

  private binaryOf(adapter: AgentAdapter): Promise<string | null> {
    return findBinary(this.nameOf(adapter), this.config.environment.PATH);
  }

  private nameOf({ id, binary }: AgentAdapter): string {
    const { binaries } = this.config;
    return (Object.hasOwn(binaries, id) ? binaries[id as ProviderId] : null) ?? binary;
  }
}

/** That the program of a provider is not there, and what to do. */
export function notFound(adapter: AgentAdapter): string {
  const place = isBuiltIn(adapter)
    ? `name it in ${variableOf(adapter)}`
    : 'mend its "binary" in FERMILINK_PROVIDERS_FILE';
  return `The CLI of ${adapter.id} was not found; install it, or ${place}.`;
}

/** Whether the project brings it along; the others stand in the providers file. */
function isBuiltIn({ id }: AgentAdapter): boolean {
  return PROVIDER_IDS.some((it) => it === id);
}

function variableOf({ id }: AgentAdapter): string {
  return `FERMILINK_${id.toUpperCase()}_BIN`;
}
