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
]);

export interface ChildEnvironmentRules {
  /** Beginnings of the names that belong to the provider's own CLI, such as `OPENAI_`. */
  families: readonly string[];
  /** Further names that the administrator hands on. */
  passthrough: readonly string[];
  /** Variables that the runner sets itself; they win. */
  set: Readonly<Record<string, string>>;
}

/**
 * Builds an agent's environment from nothing: only what is allowed by name gets into it, so that no
 * secret of the server reaches an agent because nobody thought of it.
 */
export function childEnvironment(
  server: Readonly<Record<string, string | undefined>>,
  { families, passthrough, set }: ChildEnvironmentRules,
): Record<string, string> {
  const child: Record<string, string> = { TERM: 'dumb' };
  for (const [name, value] of Object.entries(server)) {
    const allowed =
      ALLOWED.has(name) ||
      name.startsWith('LC_') ||
      families.some((family) => name.startsWith(family)) ||
      passthrough.includes(name);
    if (allowed && value !== undefined) child[name] = value;
  }
  return { ...child, ...set };
}
