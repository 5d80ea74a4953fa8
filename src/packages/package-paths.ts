import { join, resolve } from 'node:path';
import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { isFolder } from '../common/directory.js';
import { RunnerError } from '../common/errors.js';
import { LOGGER, type Logger } from '../common/logger.js';
import { RunnerConfig } from '../config/runner-config.js';
import { isInside, targetOf } from './package-places.js';

/** Decides which folders of the server may be registered as packages over HTTP. */
@Injectable()
export class PackagePaths implements OnModuleInit {
  constructor(
    private readonly config: RunnerConfig,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** Warns of folders of the setting under which nothing can be registered. */
  async onModuleInit(): Promise<void> {
    if (this.config.environment.FERMILINK_PACKAGE_PATHS === undefined) return;
    const own = await this.ownPlaces();
    for (const path of this.config.packages.paths) {
      const real = await targetOf(path);
      const isOwn = own.some((it) => it === real || isInside(real ?? path, it));
      if (real !== null && !isOwn) continue;
      const why = isOwn ? "lies in a folder of the runner's or an agent's own" : 'is not there';
      this.logger.warn(
        `FERMILINK_PACKAGE_PATHS names ${JSON.stringify(path)}, but that ${why}: nothing under it can be registered.`,
      );
    }
  }

  /**
   * The real path of a folder, which has to lie under one of `FERMILINK_PACKAGE_PATHS`, and apart from all
   * that is the server's or an agent's own.
   * @throws {RunnerError} `package_path_forbidden`, `package_invalid`
   */
  async requireAllowed(path: string): Promise<string> {
    const allowed = await realPaths(this.config.packages.paths);
    const real = await targetOf(path);
    if (real === null) {
      // Only where a package could be, a client may learn what is there and what not.
      const places = [...allowed, ...this.config.packages.paths];
      throw places.some((folder) => isInside(resolve(path), folder)) ? notThere() : forbidden();
    }
    const isAllowed = allowed.some((folder) => isInside(real, folder));
    if (!isAllowed || isUpload(real) || (await this.isKeptApart(real))) throw forbidden();
    if (!(await isFolder(real))) throw notThere();
    return real;
  }

  /** Whether a path lies in what is never linked into a session, or holds some of it. */
  private async isKeptApart(path: string): Promise<boolean> {
    const places = await this.ownPlaces();
    return places.some((it) => it === path || isInside(path, it) || isInside(it, path));
  }

  /** What is never linked into a session, by its names and where they lead. */
  private async ownPlaces(): Promise<string[]> {
    const { workspacesRoot, runtimeRoot, policyFile, agentBases, codex } = this.config;
    const { claude, gemini, opencode } = agentBases;
    const folders = [
      workspacesRoot,
      runtimeRoot,
      policyFile,
      join(this.config.scientificPackagesRoot, 'registry.json'),
      claude.folder,
      claude.stateFile,
      join(gemini.folder, '.gemini'),
      ...Object.values(opencode).map((folder) => join(folder, 'opencode')),
      ...codex.homes,
    ];
    // One that is not there yet may come to be there.
    return [...folders, ...(await realPaths(folders))];
  }
}

/** What is being uploaded is nobody's package yet. */
function isUpload(path: string): boolean {
  return /\/\.incoming-[0-9a-f]{16}(\.lock)?(\/|$)/.test(path);
}

async function realPaths(paths: readonly string[]): Promise<string[]> {
  const targets = await Promise.all(paths.map(targetOf));
  return targets.filter((it) => it !== null);
}

function notThere(): RunnerError {
  return new RunnerError('package_invalid', 'The path of the package is not an existing folder.', {
    requested: true,
  });
}

function forbidden(): RunnerError {
  return new RunnerError(
    'package_path_forbidden',
    "A package may be registered only where FERMILINK_PACKAGE_PATHS allows it, and not in or around a folder of the runner's or an agent's own; move it there, or upload it.",
  );
}
