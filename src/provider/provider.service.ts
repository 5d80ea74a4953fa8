import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Injectable } from '@nestjs/common';
import { RunnerError } from '../common/errors.js';
import { together } from '../common/together.js';
import type { StopSignal } from '../config/provider-definition.js';
import { RunnerConfig } from '../config/runner-config.js';
import { userHome } from '../config/folders.js';
import { secretValues } from '../config/secret-values.js';
import { AdapterRegistry, modeFault } from './adapter-registry.js';
import type { AgentAdapter } from './agent-adapter.js';
import type { AgentReading } from './agent-reading.js';
import { environmentOf } from './child-environment.js';
import type { RunPolicy } from './policy.js';
import { endowmentOf } from './homes/endowment.js';
import { HomesService } from './homes/homes.service.js';
import { notFound, ProgramService } from './program.service.js';
import type { RunFolder } from './run-folder.js';
import type { Talk } from './talk.js';
import { TalksService } from './talks.service.js';

export interface LaunchRequest {
  policy: RunPolicy;
  sessionId: string;
  repoPath: string;
  prompt: string;
  /** Variables that mark the run's processes. */
  mark: Readonly<Record<string, string>>;
  /** The session's last talk with this provider is to go on. */
  goesOn: boolean;
  /** Its `tmp` is there. */
  folder: RunFolder;
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
  constructor(
    private readonly config: RunnerConfig,
    private readonly adapters: AdapterRegistry,
    private readonly programs: ProgramService,
    private readonly homes: HomesService,
    private readonly talks: TalksService,
  ) {}

  /** How the lines of a provider's agents are to be read; null if this runner does not have it any more. */
  readingOf(provider: string): AgentReading | null {
    return this.adapters.find(provider)?.reading ?? null;
  }

  /**
   * Whether a run under this policy can be started at all, by what is configured.
   * @throws {RunnerError} `provider_not_implemented`, `sandbox_mode_unsupported`
   */
  requireStartable({ provider, sandboxMode }: RunPolicy): AgentAdapter {
    const adapter = this.adapters.require(provider);
    const fault = modeFault(adapter, sandboxMode);
    if (fault !== null) throw new RunnerError('sandbox_mode_unsupported', fault);
    return adapter;
  }

  /**
   * @throws {RunnerError} `provider_not_implemented`, `sandbox_mode_unsupported`; `spawn_failed` if the
   *   CLI is not there, or its home cannot be prepared; `disk_full`, `too_many_files`
   */
  async prepareLaunch(request: LaunchRequest): Promise<Launch> {
    const { policy, sessionId, repoPath, prompt, mark, folder } = request;
    const adapter = this.requireStartable(policy);
    const { home, promptFile } = adapter;
    const [command, endowment] = await together(this.programs.find(adapter), endowmentOf(home));
    const talk = request.goesOn ? await this.talks.lastOf(adapter, sessionId) : null;
    if (command === null) throw new RunnerError('spawn_failed', notFound(adapter));
    const { environment, agents } = this.config;
    const { args, env, files, settings } = adapter.invocation({
      policy,
      repoPath,
      tmpDir: folder.tmp,
      homePath: this.homes.folderOf(sessionId) ?? environment.HOME ?? userHome() ?? '',
      talk: talk?.id ?? null,
      launchFolder: folder.launch,
      mark,
      environment,
      agents,
      settings: endowment.settings,
    });
    const atHome = await this.homes.prepare(
      { sessionId, repoPath, folder, home, endowment, settings: settings ?? {} },
      this.adapters.all().flatMap((it) => it.home ?? []),
    );
    const given = adapter.stdin?.(prompt) ?? prompt;
    const all = promptFile === undefined ? files : { ...files, [promptFile]: given };
    if (all !== undefined) {
      await mkdir(folder.launch, { mode: 0o700 });
      for (const [name, content] of Object.entries(all)) {
        await writeFile(join(folder.launch, name), content, { mode: 0o600, flag: 'wx' });
      }
    }
    const variables = environmentOf(adapter, this.config, {
      ...env,
      ...atHome,
      TMPDIR: folder.tmp,
      ...mark,
    });
    return {
      command,
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
    const home = this.adapters.find(provider)?.home;
    if (home !== undefined) await this.homes.keepLogin(home, sessionId);
  }

  /** Remembers the talk of a run that ends, as `TalksService.remember` does. */
  rememberTalk(provider: string, sessionId: string, talk: Talk | null, wasResumed: boolean): void {
    const adapter = this.adapters.find(provider);
    if (adapter !== null) this.talks.remember(adapter, sessionId, talk, wasResumed);
  }

  /** Removes what is kept for the agents of a session that is no more: their home and their talks. */
  async forgetSession(sessionId: string): Promise<void> {
    this.talks.forget(sessionId);
    await this.homes.remove(sessionId);
  }
}
