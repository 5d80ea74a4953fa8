import { access, constants, type FileHandle, open, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { Injectable } from '@nestjs/common';
import { type HealthIndicatorResult, HealthIndicatorService } from '@nestjs/terminus';
import { RunnerConfig } from '../config/runner-config.js';
import { Authenticator } from '../identity/authenticator.js';
import { ProgramService } from '../provider/program.service.js';
import { AgentSpawner } from '../run/agent-process.js';
import { ServerState } from '../run/server-state.js';

/** Free bytes below which a disk counts as full: room for a template, a log and a memory file. */
const MIN_FREE_BYTES = 64 * 1024 * 1024;

/** Where runs are kept, in the runtime root and beside their temporary folders, which are in it itself. */
const STATE_FOLDERS = ['', 'live', 'ended', 'events', 'keys', 'owners'];

/** What one run takes while it is prepared and started: folders, log, pipes. */
const DESCRIPTORS_OF_A_RUN = 16;

/** What has to be true for this server to take runs. */
@Injectable()
export class ReadinessService {
  constructor(
    private readonly config: RunnerConfig,
    private readonly indicators: HealthIndicatorService,
    private readonly programs: ProgramService,
    private readonly server: ServerState,
    private readonly spawner: AgentSpawner,
    private readonly authenticator: Authenticator,
  ) {}

  /** The checks of `GET /health/ready`. */
  checks(): (() => Promise<HealthIndicatorResult>)[] {
    return [
      () =>
        this.check('workspaces', () =>
          this.writeProblem([this.config.workspacesRoot], 'FERMILINK_WORKSPACES_ROOT'),
        ),
      () =>
        this.check('runtime', () =>
          this.writeProblem(
            STATE_FOLDERS.map((name) => join(this.config.runtimeRoot, name)),
            'FERMILINK_RUNTIME_ROOT',
          ),
        ),
      () => this.check('disk', () => this.diskProblem()),
      () => this.check('descriptors', () => this.descriptorsProblem()),
      () => this.check('provider', () => this.programs.problem()),
      () => this.check('identity', () => this.authenticator.problem()),
      () => this.check('accepting', () => Promise.resolve(this.server.notReady)),
      () => this.check('agents', () => Promise.resolve(this.spawner.exhausted)),
    ];
  }

  private async check(
    name: string,
    problem: () => Promise<string | null>,
  ): Promise<HealthIndicatorResult> {
    const indicator = this.indicators.check(name);
    const message = await problem();
    return message === null ? indicator.up() : indicator.down({ message });
  }

  private async writeProblem(folders: readonly string[], variable: string): Promise<string | null> {
    try {
      for (const folder of folders) await access(folder, constants.W_OK | constants.X_OK);
      return null;
    } catch {
      return `A folder of the runner is missing or cannot be written; see ${variable}.`;
    }
  }

  private async diskProblem(): Promise<string | null> {
    for (const folder of [this.config.workspacesRoot, this.config.runtimeRoot]) {
      try {
        const { bavail, bsize, files, ffree } = await statfs(folder);
        if (bavail * bsize < MIN_FREE_BYTES || (files > 0 && ffree === 0)) {
          return 'A disk of the runner is full; free some space or set the roots to another disk.';
        }
      } catch {
        return 'A disk of the runner cannot be looked at; see FERMILINK_WORKSPACES_ROOT and FERMILINK_RUNTIME_ROOT.';
      }
    }
    return null;
  }

  private async descriptorsProblem(): Promise<string | null> {
    const opened: FileHandle[] = [];
    try {
      while (opened.length < DESCRIPTORS_OF_A_RUN) opened.push(await open('/dev/null'));
      return null;
    } catch {
      return 'The runner has no file descriptors left for a run; raise its limit or close connections.';
    } finally {
      for (const handle of opened) await handle.close();
    }
  }
}
