import { access, constants, stat } from 'node:fs/promises';
import type { RunnerConfig } from '../config/runner-config.js';
import type { AgentAdapter, CredentialRules } from './agent-adapter.js';
import { environmentOf } from './child-environment.js';

/** Whether a CLI has credentials. Their values are never part of it. */
export interface Credentials {
  /** Null where nobody can say: its own settings may name others. */
  present: boolean | null;
  source: 'environment' | 'file' | null;
}

const UNKNOWN: Credentials = { present: null, source: null };

/** Looks whether a provider's CLI would find credentials, in the environment that it gets or in its files. */
export async function credentialsOf(
  adapter: AgentAdapter,
  config: RunnerConfig,
): Promise<Credentials> {
  const { credentials } = adapter;
  if (credentials === undefined) return UNKNOWN;
  const isSet = Object.entries(environmentOf(adapter, config)).some(
    ([name, value]) => value.trim() !== '' && credentials.isVariable(name, value),
  );
  if (isSet) return { present: true, source: 'environment' };
  const { files, settings } = await placesOf(adapter, credentials);
  for (const file of files) {
    if (await isReadableFile(file)) return { present: true, source: 'file' };
  }
  for (const file of settings) if (await isReadableFile(file)) return UNKNOWN;
  return { present: false, source: null };
}

/** Files of which one is enough, and those in which the CLI can be told to have its credentials elsewhere. */
async function placesOf(
  { home }: AgentAdapter,
  { files = [] }: CredentialRules,
): Promise<{ files: readonly string[]; settings: readonly string[] }> {
  const base = (await home?.find()) ?? null;
  if (home === undefined || base === null) return { files, settings: [] };
  return {
    files: [base.at(home.credential), ...files],
    // Not what is only for the model to read.
    settings: home.settings
      .map(({ path }) => path)
      .filter((it) => !it.endsWith('.md'))
      .map((it) => base.at(it)),
  };
}

async function isReadableFile(path: string): Promise<boolean> {
  try {
    await access(path, constants.R_OK);
    const stats = await stat(path);
    return stats.isFile() && stats.size > 0;
  } catch {
    return false;
  }
}
