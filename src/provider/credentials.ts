import { access, constants, stat } from 'node:fs/promises';
import { isJsonObject, jsonObjectIn } from '../common/json.js';
import type { RunnerConfig } from '../config/runner-config.js';
import { codexKeys } from './adapters/codex.js';
import type { AgentAdapter } from './agent-adapter.js';
import { childEnvironment } from './child-environment.js';

/** Whether a CLI has credentials. Their values are never part of it. */
export interface Credentials {
  /** Null where nobody can say: its own settings may name others. */
  present: boolean | null;
  source: 'environment' | 'file' | null;
}

interface Places {
  /** Names of variables of which one is enough. */
  variables: (name: string) => boolean;
  /** Files of which one is enough. */
  files: readonly string[];
  /** Files in which the CLI can be told to have its credentials elsewhere. */
  settings: readonly string[];
}

const UNKNOWN: Credentials = { present: null, source: null };
const OPENCODE_CONFIG = 'OPENCODE_CONFIG_CONTENT';

/** The variables of which one is enough, by CLI. */
const VARIABLES: Readonly<Record<string, (name: string) => boolean>> = {
  // It sends OPENAI_API_KEY to nobody, unless its settings name that.
  codex: among('CODEX_API_KEY'),
  claude: among(
    ...['ANTHROPIC_API_KEY', 'ANTHROPIC_AUTH_TOKEN', 'CLAUDE_CODE_OAUTH_TOKEN'],
    ...['CLAUDE_CODE_USE_BEDROCK', 'CLAUDE_CODE_USE_VERTEX'],
  ),
  gemini: among('GEMINI_API_KEY', 'GOOGLE_API_KEY', 'GOOGLE_APPLICATION_CREDENTIALS'),
  // It knows those of many providers of models.
  opencode: (name) => name.endsWith('_API_KEY'),
};

function among(...names: string[]): (name: string) => boolean {
  return (name) => names.includes(name);
}

/** Looks whether a provider's CLI would find credentials, in the environment that it gets or in its files. */
export async function credentialsOf(
  adapter: AgentAdapter,
  config: RunnerConfig,
): Promise<Credentials> {
  const places = await placesOf(adapter, config);
  if (places === null) return UNKNOWN;
  const environment = environmentFor(adapter, config);
  const isSet = Object.entries(environment).some(
    ([name, value]) => places.variables(name) && value.trim() !== '',
  );
  if (isSet || hasKeyInside(environment[OPENCODE_CONFIG])) {
    return { present: true, source: 'environment' };
  }
  for (const file of places.files) {
    if (await isReadableFile(file)) return { present: true, source: 'file' };
  }
  for (const file of places.settings) if (await isReadableFile(file)) return UNKNOWN;
  return { present: false, source: null };
}

async function placesOf(adapter: AgentAdapter, config: RunnerConfig): Promise<Places | null> {
  const variables = VARIABLES[adapter.id];
  if (variables === undefined) {
    const defined = config.providers.find((it) => it.id === adapter.id)?.credentials ?? null;
    if (defined === null) return null;
    return {
      variables: (name) => defined.variables.includes(name),
      files: defined.files,
      settings: [],
    };
  }
  const { home } = adapter;
  const base = (await home?.base(true)) ?? null;
  if (home === undefined || base === null) return { variables, files: [], settings: [] };
  return {
    variables,
    files: [base.at(home.credential)],
    // Not what is only for the model to read.
    settings: home.settings
      .map(({ path }) => path)
      .filter((it) => !it.endsWith('.md'))
      .map((it) => base.at(it)),
  };
}

/** What of the environment the CLI would get. */
function environmentFor(
  { id, environmentFamilies }: AgentAdapter,
  { environment, agentEnvPassthrough, codex, providers }: RunnerConfig,
): Record<string, string> {
  const defined = providers.find((it) => it.id === id);
  return childEnvironment(environment, {
    families: environmentFamilies,
    passthrough: agentEnvPassthrough,
    set: id === 'codex' ? codexKeys(environment, codex) : { ...defined?.environment.set },
  });
}

/** Whether settings of opencode that stand in its environment have a key in them. */
function hasKeyInside(settings: string | undefined): boolean {
  const { provider } = jsonObjectIn(settings);
  return Object.values(isJsonObject(provider) ? provider : {}).some(
    (it) => isJsonObject(it) && isJsonObject(it.options) && Boolean(it.options.apiKey),
  );
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
