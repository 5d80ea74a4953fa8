import { join } from 'node:path';
import { Injectable } from '@nestjs/common';
import { type Directory, readRegularFile } from '../common/directory.js';
import { errnoOf, RunnerError } from '../common/errors.js';
import { INSTRUCTION_ALIASES, INSTRUCTION_FILE } from '../common/instruction-files.js';
import { RunnerConfig } from '../config/runner-config.js';

const MAX_INSTRUCTION_BYTES = 4 * 1024 * 1024;

/** The administrator's rules for agents, which stand in every session's `repo/` (contract, section 5). */
@Injectable()
export class InstructionFilesService {
  constructor(private readonly config: RunnerConfig) {}

  /** The rules as they are now: the configured template's, else the project's own. */
  async load(): Promise<Buffer> {
    for (const root of [this.config.templateRoot, this.config.ownTemplateRoot]) {
      // The template is the administrator's: a link there is followed, since `open` is on its target.
      const found = await readRegularFile(join(root, INSTRUCTION_FILE), MAX_INSTRUCTION_BYTES, {
        followLink: true,
      });
      if (found !== null) return found;
    }
    throw new RunnerError(
      'workspace_failed',
      `The runner has no template ${INSTRUCTION_FILE}; see FERMILINK_SOFTWARE_ROOT.`,
    );
  }

  /**
   * Puts the rules in place, whatever the agent of an earlier run has made of them, and lets the alias
   * of the active provider alone point to them.
   */
  async put(repo: Directory, rules: Buffer, providerId: string): Promise<void> {
    await makeRoom(repo, INSTRUCTION_FILE);
    await repo.replaceFile(INSTRUCTION_FILE, rules);
    for (const [provider, alias] of Object.entries(INSTRUCTION_ALIASES)) {
      if (provider === providerId) await this.putAlias(repo, alias, rules);
      else if ((await repo.lstat(alias))?.isSymbolicLink()) await repo.remove(alias);
    }
  }

  private async putAlias(repo: Directory, alias: string, rules: Buffer): Promise<void> {
    if ((await repo.readLink(alias)) === INSTRUCTION_FILE) return;
    await makeRoom(repo, alias);
    try {
      await repo.replaceLink(alias, INSTRUCTION_FILE);
    } catch (error) {
      const code = errnoOf(error) ?? '';
      if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(code)) throw error;
      await repo.replaceFile(alias, rules);
    }
  }
}

/** A rename replaces anything but a folder. */
async function makeRoom(repo: Directory, name: string): Promise<void> {
  if ((await repo.lstat(name))?.isDirectory()) await repo.remove(name);
}
