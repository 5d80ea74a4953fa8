import { join } from 'node:path';
import { Injectable } from '@nestjs/common';
import { type Directory, meansNoSymlinks } from '../common/directory.js';
import { isDanglingLink, readRegularFile, UnsafePathError } from '../common/regular-file.js';
import { RunnerError } from '../common/errors.js';
import { together } from '../common/together.js';
import { INSTRUCTION_ALIASES, INSTRUCTION_FILE } from '../common/instruction-files.js';
import { RunnerConfig } from '../config/runner-config.js';

const MAX_INSTRUCTION_BYTES = 4 * 1024 * 1024;

/** The administrator's rules for agents, which stand in every session's `repo/` (contract, section 5). */
@Injectable()
export class InstructionFilesService {
  private readonly aliases: ReadonlyMap<string, string>;

  constructor(private readonly config: RunnerConfig) {
    const configured = config.providers.flatMap(({ id, instructionsAlias }) =>
      instructionsAlias === null ? [] : [[id, instructionsAlias] as const],
    );
    this.aliases = new Map([...Object.entries(INSTRUCTION_ALIASES), ...configured]);
  }

  /** The names that are kept free for aliases, whichever provider is active. */
  get aliasNames(): ReadonlySet<string> {
    return new Set(this.aliases.values());
  }

  /**
   * The rules as they are now: the configured template's, else the project's own. Rules that are there
   * but cannot be read fail the run: another text in their place could allow what they forbid.
   * @throws {RunnerError} `workspace_failed`
   */
  async load(): Promise<Buffer> {
    for (const root of [this.config.templateRoot, this.config.ownTemplateRoot]) {
      const found = await readRules(join(root, INSTRUCTION_FILE));
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
   * @throws the signal's reason
   */
  async put(
    repo: Directory,
    rules: Buffer,
    providerId: string,
    signal?: AbortSignal,
  ): Promise<void> {
    const own = this.aliases.get(providerId);
    await together(
      putRules(repo, rules, signal),
      ...[...this.aliasNames].map((alias) =>
        alias === own ? this.putAlias(repo, alias, rules, signal) : removeLink(repo, alias),
      ),
    );
  }

  private async putAlias(
    repo: Directory,
    alias: string,
    rules: Buffer,
    signal?: AbortSignal,
  ): Promise<void> {
    if ((await repo.readLink(alias)) === INSTRUCTION_FILE) return;
    await makeRoom(repo, alias, signal);
    try {
      await repo.replaceLink(alias, INSTRUCTION_FILE);
    } catch (error) {
      if (!meansNoSymlinks(error)) throw error;
      await repo.replaceFile(alias, rules);
    }
  }
}

/** Most agents leave them as they are, and then nothing has to be written; what cannot be read is replaced. */
async function putRules(repo: Directory, rules: Buffer, signal?: AbortSignal): Promise<void> {
  const present = await repo.readFile(INSTRUCTION_FILE, rules.length).catch(() => null);
  if (present?.equals(rules)) return;
  await makeRoom(repo, INSTRUCTION_FILE, signal);
  await repo.replaceFile(INSTRUCTION_FILE, rules);
}

async function removeLink(repo: Directory, name: string): Promise<void> {
  if ((await repo.lstat(name))?.isSymbolicLink()) await repo.remove(name);
}

async function readRules(path: string): Promise<Buffer | null> {
  const unusable = (found: string) =>
    new RunnerError(
      'workspace_failed',
      `The ${INSTRUCTION_FILE} in the template of workspaces is ${found}; the administrator has to put a readable text file of at most 4 MiB there.`,
    );
  try {
    // The template is the administrator's: a link there is followed.
    const rules = await readRegularFile(path, MAX_INSTRUCTION_BYTES, { followLink: true });
    if (rules === null && (await isDanglingLink(path))) throw unusable('a link that leads nowhere');
    return rules;
  } catch (error) {
    throw error instanceof UnsafePathError ? unusable(error.found) : error;
  }
}

/** A rename replaces anything but a folder. */
async function makeRoom(repo: Directory, name: string, signal?: AbortSignal): Promise<void> {
  if ((await repo.lstat(name))?.isDirectory()) await repo.remove(name, signal);
}
