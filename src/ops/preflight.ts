import type { Credentials } from '../provider/credentials.js';

/** What `GET /ops/providers` answers, and `npm run doctor -- --json`. */
export interface Preflight {
  /** The provider that runs get; null while the policy is not valid. */
  configured_provider: string | null;
  /** Whether a run could start with it. */
  works: boolean;
  /** Why not, where that is no matter of one provider. */
  problem: string | null;
  providers: ProviderPreflight[];
  /** When it was looked at. */
  timestamp_utc: string;
}

export interface ProviderPreflight {
  id: string;
  /** It is the configured one. */
  configured: boolean;
  /** Whether runs can be expected to work with it; then there are no problems. */
  works: boolean;
  found: boolean;
  /** The program that would be started. */
  path: string | null;
  version: string | null;
  /** Whether that version is one of those tested; null where it is not known, or none is. */
  tested: boolean | null;
  tested_versions: readonly string[];
  credentials: Credentials;
  sandbox: SandboxPreflight;
  /** What is in the way, and what to do. */
  problems: string[];
  /** What is worth knowing. */
  notes: string[];
}

export interface SandboxPreflight {
  /** `contained`: the system holds tools in it; `rules`: the CLI itself keeps to rules, or nobody does. */
  kind: 'contained' | 'rules';
  /** Whether it can hold anything here; null if that was not seen, and for rules. */
  works: boolean | null;
  /** In which modes the provider can be started. */
  modes: readonly string[];
}

/** The report for people. */
export function preflightText(preflight: Preflight): string {
  const rows = preflight.providers.map((it) => [
    it.configured ? `* ${it.id}` : `  ${it.id}`,
    it.works ? 'yes' : 'no',
    versionText(it),
    { true: 'found', false: 'missing', null: '?' }[`${it.credentials.present}`],
    sandboxText(it.sandbox),
    it.path ?? '-',
  ]);
  const remarks = preflight.providers.flatMap(({ id, problems, notes }) => [
    ...problems.map((text) => `${id}: ${text}`),
    ...notes.map((text) => `${id}: (note) ${text}`),
  ]);
  return [
    ...table([['  provider', 'works', 'version', 'credentials', 'sandbox', 'program'], ...rows]),
    '',
    ...remarks,
    ...(remarks.length > 0 ? [''] : []),
    conclusion(preflight),
  ].join('\n');
}

function conclusion({ configured_provider, works, problem }: Preflight): string {
  if (problem !== null) return problem;
  return works
    ? `The configured provider, ${configured_provider}, can work.`
    : `The configured provider, ${configured_provider}, cannot work; see above.`;
}

function versionText({ version, tested }: ProviderPreflight): string {
  if (version === null) return '?';
  return tested === null ? version : `${version} (${tested ? 'tested' : 'not tested'})`;
}

function sandboxText({ kind, works }: SandboxPreflight): string {
  if (kind === 'rules') return 'rules only';
  return works === null ? '?' : works ? 'works' : 'does not work';
}

function table(rows: readonly (readonly (string | undefined)[])[]): string[] {
  const widths = rows[0]!.map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows.map((row) =>
    row
      .map((cell, column) => (cell ?? '').padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  );
}
