import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { errnoOf } from '../../common/errors.js';
import type { AgentHome } from './agent-home.js';
import type { OpenHome } from './open-home.js';

/**
 * A home that is built where no agent works, until it is put into its place in one step. Synchronous:
 * settings are small files, and each hop through the thread pool would take longer than the call itself
 * (0.3 to 0.5 ms where it was measured).
 */
export class FreshHome {
  /** What was written or linked into it. */
  readonly files: string[] = [];
  private readonly taken: string[] = [];
  private readonly kept: string[] = [];
  private readonly folders = new Set<string>();

  constructor(private readonly path: string) {
    mkdirSync(path, { mode: 0o700 });
  }

  make(folder: string): void {
    if (folder === '' || folder === '.' || this.folders.has(folder)) return;
    this.make(dirname(folder));
    mkdirSync(join(this.path, folder), { mode: 0o700 });
    this.folders.add(folder);
  }

  write(path: string, text: string): void {
    this.make(dirname(path));
    writeFileSync(join(this.path, path), text, { mode: 0o600, flag: 'wx' });
    this.files.push(path);
  }

  link(path: string, target: string): void {
    this.make(dirname(path));
    symlinkSync(target, join(this.path, path));
    this.files.push(path);
  }

  /** A file that it is to have from the home before. */
  keepFile(path: string): void {
    this.kept.push(path);
  }

  /** Takes over from the home before what is kept of it: nothing that only leads to a talk, and no damaged one. */
  takeFrom(before: OpenHome, homes: readonly AgentHome[]): void {
    for (const { talks, talkFile } of homes) {
      const areFiles = talkFile !== undefined && talkFile.isFileOf === undefined;
      for (const path of talks) {
        const stats = before.stats(path);
        const isRight = areFiles
          ? stats?.isFile() && (talkFile.isWhole?.(path, before.headOf(path)) ?? true)
          : stats?.isDirectory();
        if (isRight) this.take(before, path);
      }
    }
    for (const path of this.kept) if (before.stats(path)?.isFile()) this.take(before, path);
  }

  private take(before: OpenHome, path: string): void {
    this.make(dirname(path));
    try {
      renameSync(before.at(path)!, join(this.path, path));
      this.taken.push(path);
    } catch (error) {
      // Closed to the server, or gone meanwhile: as good as never written.
      if (!['EACCES', 'ENOENT', 'EPERM'].includes(errnoOf(error) ?? '')) throw error;
    }
  }

  /** Gives back what it has taken, where it could not be put into its place. */
  giveBack(before: OpenHome): void {
    for (const path of this.taken) renameSync(join(this.path, path), before.at(path)!);
  }

  /** Puts it into its place, which must be empty. */
  place(path: string): void {
    try {
      renameSync(this.path, path);
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error;
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      renameSync(this.path, path);
    }
  }
}
