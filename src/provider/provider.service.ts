import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Injectable } from '@nestjs/common';
import { RunnerError } from '../common/errors.js';
import { together } from '../common/together.js';
import { PROVIDER_IDS, type ProviderId } from '../config/environment.js';
import type { StopSignal } from '../config/provider-definition.js';
import { RunnerConfig } from '../config/runner-config.js';
import { userHome } from '../config/folders.js';
import { secretValues } from '../config/secret-values.js';
import { adaptersFor } from './adapters/index.js';
import type { AgentAdapter } from './agent-adapter.js';
import type { AgentReading } from './agent-reading.js';
import { findBinary, findUnexecutable } from './binary.js';
import { environmentOf } from './child-environment.js';
import type { RunPolicy } from './policy.js';
import type { AgentHome } from './homes/agent-home.js';
import { HomesService } from './homes/homes.service.js';
import { PolicyService } from './policy.service.js';
import type { Talk } from './talk.js';
import { TalksService } from './talks.service.js';

export interface LaunchRequest {
  policy: RunPolicy;
  sessionId: string;
  repoPath: string;
  prompt: string;
  /** Variables that mark the run's processes. */
  mark: Readonly<Record<string, string>>;
  /** The run's own folder for temporary files. */
  tmpDir: string;
  /** The session's last talk with this provider is to go on. */
  goesOn: boolean;
  /** A folder of the run alone, which agents are not led to. */
  runFolder: string;
  /** Where a folder for settings files of its CLI can be made. */
  launchFolder: string;
}

/** All that is needed to start an agent, but the folder that it starts in. */
export interface Launch {
  command: string;
  args: string[];
  env: Record<string, string>;
  stdin: string;
  /** What it goes on with; null if it begins a talk. */
  talk: Talk | null;
  /** By which it is asked to end. */
  politeSignal: StopSignal;
  /** Understands what it prints. */
  reading: AgentReading;
  /** What it is handed that nobody is to see, to be found in what it says. */
  secrets: readonly string[];
}

/** Turns a policy and a prompt into the start of an agent's CLI. */
@Injectable()
export class ProviderService {
  private readonly adapters: ReadonlyMap<string, AgentAdapter>;
  private readonly allHomes: readonly AgentHome[];

  constructor(
    private readonly config: RunnerConfig,
    private readonly policies: PolicyService,
    private readonly homes: HomesService,
    private readonly talks: TalksService,
  ) {
    this.adapters = adaptersFor(config);
    this.allHomes = [...this.adapters.values()].flatMap(({ home }) => home ?? []);
  }

  /** @throws {RunnerError} `provider_not_implemented` */
  requireImplemented(provider: string): AgentAdapter {
    const adapter = this.adapters.get(provider);
    if (adapter === undefined) {
      const known = [...this.adapters.keys()].join(', ');
      throw new RunnerError(
        'provider_not_implemented',
        `This runner has no implementation of the provider "${provider}"; the administrator can choose one of: ${known}.`,
      );
    }
    return adapter;
  }

  /** How the lines of a provider's agents are to be read; null if this runner does not have it any more. */
  readingOf(provider: string): AgentReading | null {
    return this.adapters.get(provider)?.reading ?? null;
  }

  /**
   * Whether a run under this policy can be started at all, by what is configured.
   * @throws {RunnerError} `provider_not_implemented`, `sandbox_mode_unsupported`
   */
  requireStartable({ provider, sandboxMode }: RunPolicy): AgentAdapter {
    const adapter = this.requireImplemented(provider);
    const fault = modeFault(adapter, sandboxMode);
    if (fault !== null) throw new RunnerError('sandbox_mode_unsupported', fault);
    return adapter;
  }

  /**
   * @throws {RunnerError} `provider_not_implemented`, `sandbox_mode_unsupported`; `spawn_failed` if the
   *   CLI is not there, or its home cannot be prepared; `disk_full`, `too_many_files`
   */
  async prepareLaunch(request: LaunchRequest): Promise<Launch> {
    const { policy, sessionId, repoPath, prompt, mark, tmpDir, runFolder, launchFolder } = request;
    const adapter = this.requireStartable(policy);
    const { home, promptFile } = adapter;
    const [found, endowment] = await together(this.binaryOf(adapter), this.homes.endowmentOf(home));
    const talk = request.goesOn ? await this.talks.lastOf(adapter, sessionId) : null;
    if (found === null) throw new RunnerError('spawn_failed', notFound(adapter));
    const { environment, agents } = this.config;
    const { args, env, files, settings } = adapter.invocation({
      policy,
      repoPath,
      tmpDir,
      homePath: this.homes.folderOf(sessionId) ?? environment.HOME ?? userHome() ?? '',
      talk: talk?.id ?? null,
      launchFolder,
      mark,
      environment,
      agents,
      settings: endowment.settings,
    });
    const atHome = await this.homes.prepare(
      { sessionId, repoPath, runFolder, home, endowment, settings: settings ?? {} },
      this.allHomes,
    );
    const given = adapter.stdin?.(prompt) ?? prompt;
    const all = promptFile === undefined ? files : { ...files, [promptFile]: given };
    if (all !== undefined) {
      await mkdir(launchFolder, { mode: 0o700 });
      for (const [name, content] of Object.entries(all)) {
        await writeFile(join(launchFolder, name), content, { mode: 0o600, flag: 'wx' });
      }
    }
    const variables = environmentOf(adapter, this.config, {
      ...env,
      ...atHome,
      TMPDIR: tmpDir,
      ...mark,
    });
    return {
      command: (await adapter.nativeBinary?.(found)) ?? found,
      args,
      env: variables,
      stdin: promptFile === undefined ? given : '',
      talk,
      politeSignal: adapter.politeSignal,
      reading: adapter.reading,
      secrets: [...secretValues(variables), ...endowment.secrets],
    };
  }

  /** Gives a login that a run's CLI has renewed to all sessions. To be called when its agent has ended. */
  async keepLogin(provider: string, sessionId: string): Promise<void> {
    const home = this.adapters.get(provider)?.home;
    if (home !== undefined) await this.homes.keepLogin(home, sessionId);
  }

  /** Remembers the talk of a run that ends, as `TalksService.remember` does. */
  rememberTalk(provider: string, sessionId: string, talk: Talk | null, wasResumed: boolean): void {
    const adapter = this.adapters.get(provider);
    if (adapter !== undefined) this.talks.remember(adapter, sessionId, talk, wasResumed);
  }

  /** Why no run could start now; null if nothing is in the way. */
  async problem(): Promise<string | null> {
    const problem = await this.policies.problem();
    if (problem !== null) return problem;
    const { provider, sandboxMode } = await this.policies.forRun(null);
    const adapter = this.adapters.get(provider);
    if (adapter === undefined) {
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
  async programFault(): Promise<string | null> {
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
    const adapter = this.adapters.get(policy?.provider ?? '');
    if (adapter === undefined) return null;
    return (await this.binaryOf(adapter)) === null ? adapter : null;
  }

  /** Every provider, those that the project brings along first. */
  all(): AgentAdapter[] {
    return [...this.adapters.values()];
  }

  /** The program that would be started; null if there is none, with why. */
  async program(adapter: AgentAdapter): Promise<{ path: string } | { path: null; fault: string }> {
    const found = await this.binaryOf(adapter);
    if (found !== null) return { path: (await adapter.nativeBinary?.(found)) ?? found };
    const { PATH } = this.config.environment;
    const closed = await findUnexecutable(this.nameOf(adapter), PATH);
    if (closed === null) return { path: null, fault: notFound(adapter) };
    const fault = `The CLI of ${adapter.id} is ${JSON.stringify(closed)}, which this user may not execute; change its permissions.`;
    return { path: null, fault };
  }

  private binaryOf(adapter: AgentAdapter): Promise<string | null> {
    return findBinary(this.nameOf(adapter), this.config.environment.PATH);
  }

  private nameOf({ id, binary }: AgentAdapter): string {
    return this.config.binaries[id as ProviderId] ?? binary;
  }
}

/** Whether the project brings it along; the others stand in the providers file. */
function isBuiltIn({ id }: AgentAdapter): boolean {
  return PROVIDER_IDS.some((it) => it === id);
}

function variableOf({ id }: AgentAdapter): string {
  return `FERMILINK_${id.toUpperCase()}_BIN`;
}

function notFound(adapter: AgentAdapter): string {
  const place = isBuiltIn(adapter)
    ? `name it in ${variableOf(adapter)}`
    : 'mend its "binary" in FERMILINK_PROVIDERS_FILE';
  return `The CLI of ${adapter.id} was not found; install it, or ${place}.`;
}

/** Why a provider cannot be started in a mode; null if it can. */
export function modeFault({ id, modes }: AgentAdapter, sandboxMode: RunPolicy['sandboxMode']) {
  const mode = sandboxMode ?? 'bypass';
  if (modes === undefined || modes.has(mode)) return null;
  return `The provider "${id}" cannot be started in the mode "${mode}"; the administrator can define it in FERMILINK_PROVIDERS_FILE, or choose one of: ${[...modes].join(', ')}.`;
}
