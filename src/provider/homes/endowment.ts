import { access } from 'node:fs/promises';
import { basename } from 'node:path';
import { errnoOf, RunnerError, toRunnerError } from '../../common/errors.js';
import { readRegularFile, UnsafePathError } from '../../common/regular-file.js';
import type { AgentHome, BaseHome, SettingsFile } from './agent-home.js';
import { secretsInFile } from './secrets-in-file.js';

const MAX_SETTINGS_BYTES = 4 * 1024 * 1024;

/** What the administrator's home of a CLI has for a session. */
export interface Endowment {
  base: BaseHome | null;
  /** Where the login is; null if there is none. */
  login: string | null;
  /** The settings, by their place in a home. */
  settings: ReadonlyMap<string, string>;
  /** The secrets in the login and the settings. */
  secrets: readonly string[];
}

/**
 * Reads what the administrator's home has for a session.
 * @throws {RunnerError} `spawn_failed` if it cannot be read
 */
export async function endowmentOf(home: AgentHome | undefined): Promise<Endowment> {
  const base = (await home?.findOrMake()) ?? null;
  const settings = new Map<string, string>();
  if (home === undefined || base === null) return { base, login: null, settings, secrets: [] };
  const [login, ...texts] = await Promise.all([
    loginOf(home, base),
    ...home.settings.map((file) => readSettings(file, base)),
  ]);
  home.settings.forEach(({ path }, index) => {
    const text = texts[index];
    if (typeof text === 'string') settings.set(path, text);
  });
  const secrets = [login?.text ?? '', ...settings.values()].flatMap(secretsInFile);
  return { base, login: login?.path ?? null, settings, secrets };
}

/** The login and what stands in it; without a text where it cannot be read, which is for the CLI to tell. */
async function loginOf(
  home: AgentHome,
  base: BaseHome,
): Promise<{ path: string; text: string } | null> {
  const path = base.at(home.credential);
  try {
    const content = await readRegularFile(path, MAX_SETTINGS_BYTES, { followLink: true });
    return content === null ? null : { path, text: content.toString('utf8') };
  } catch {
    return access(path).then(
      () => ({ path, text: '' }),
      () => null,
    );
  }
}

/** @throws {RunnerError} `spawn_failed` for what is no readable file */
async function readSettings(
  { path, select }: SettingsFile,
  base: BaseHome,
): Promise<string | null> {
  try {
    const content = await readRegularFile(base.at(path), MAX_SETTINGS_BYTES, { followLink: true });
    const text = content?.toString('utf8') ?? null;
    return text === null || select === undefined ? text : select(text);
  } catch (error) {
    if (errnoOf(error) === 'ENOTDIR') return null;
    if (!(error instanceof UnsafePathError)) throw toRunnerError(error, 'spawn_failed');
    throw new RunnerError(
      'spawn_failed',
      `The administrator's ${basename(path)} is ${error.found}, but it must be ${error.expected}.`,
      { cause: error },
    );
  }
}
