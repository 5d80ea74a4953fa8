import type { RunnerConfig } from '../config/runner-config.js';
import type { AgentAdapter } from './agent-adapter.js';

/** What an agent gets of the server's environment, whatever its CLI. */
const ALLOWED = new Set([
  'PATH',
  'HOME',
  'LANG',
  'TZ',
  'TMPDIR',
  'TERM',
  ...['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'ALL_PROXY'].flatMap((it) => [it, it.toLowerCase()]),
  // Where certificates of authorities are: OpenSSL, Node, curl, Python's requests, git.
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'NODE_EXTRA_CA_CERTS',
  'CURL_CA_BUNDLE',
  'REQUESTS_CA_BUNDLE',
  'GIT_SSL_CAINFO',
  'GIT_SSL_CAPATH',
]);

/** The server's own settings and secrets, which no agent needs. */
const OWN_FAMILY = 'FERMILINK_RUNNER_';

export interface ChildEnvironmentRules {
  /** Beginnings of the names that belong to the provider's own CLI, such as `OPENAI_`. */
  families: readonly string[];
  /** Further names that the administrator hands on; a trailing `*` makes one the beginning of names. */
  passthrough: readonly string[];
  /** Variables that the runner sets itself, or, where undefined, keeps back; they win. */
  set: Readonly<Record<string, string | undefined>>;
}

/**
 * Builds an agent's environment from nothing: only what is allowed by name gets into it, so that no
 * secret of the server reaches an agent because nobody thought of it.
 */
export function childEnvironment(
  server: Readonly<Record<string, string | undefined>>,
  { families, passthrough, set }: ChildEnvironmentRules,
): Record<string, string> {
  const child: Record<string, string | undefined> = { TERM: 'dumb' };
  const prefixes = ['LC_', ...families];
  const names = new Set(ALLOWED);
  for (const entry of passthrough) {
    if (entry.endsWith('*')) prefixes.push(entry.slice(0, -1));
    else names.add(entry);
  }
  for (const [name, value] of Object.entries(server)) {
    if (value === undefined || name.startsWith(OWN_FAMILY)) continue;
    if (names.has(name) || prefixes.some((prefix) => name.startsWith(prefix))) child[name] = value;
  }
  const entries = Object.entries({ ...child, ...set });
  return Object.fromEntries(entries.filter((it): it is [string, string] => it[1] !== undefined));
}

/**
 * The environment of a CLI: what it gets of the server's, its own variables, and what a run sets of them.
 * Whoever asks what an agent would see asks here.
 */
export function environmentOf(
  { environmentFamilies, variables }: Pick<AgentAdapter, 'environmentFamilies' | 'variables'>,
  { environment, agentEnvPassthrough }: Pick<RunnerConfig, 'environment' | 'agentEnvPassthrough'>,
  ofRun: Readonly<Record<string, string | undefined>> = {},
): Record<string, string> {
  return childEnvironment(environment, {
    families: environmentFamilies,
    passthrough: agentEnvPassthrough,
    set: { ...variables?.(environment), ...ofRun },
  });
}
