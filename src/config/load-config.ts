import 'reflect-metadata';
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  statSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { plainToInstance } from 'class-transformer';
import { validateSync } from 'class-validator';
import { Environment } from './environment.js';
import { RunnerConfig } from './runner-config.js';

/** The folder that holds `package.json`, `software/` and `dist/`. */
export const PROJECT_ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** The environment breaks one or more rules; `faults` has one sentence each. */
export class ConfigError extends Error {
  constructor(readonly faults: readonly string[]) {
    super(faults.join('\n'));
    this.name = 'ConfigError';
  }
}

/** Variables whose value is never shown, and which may also be given as a file (`…_FILE`). */
const SECRETS = new Set([
  'FERMILINK_RUNNER_METRICS_TOKEN',
  'FERMILINK_CODEX_API_KEY',
  'FERMILINK_OPENAI_API_KEY',
]);
const MAX_SECRET_BYTES = 64 * 1024;

/**
 * Reads and validates every setting of the runner (contract, section 2) and makes the folders that it
 * needs.
 * @throws {ConfigError} with all faults at once
 */
export function loadConfig(
  env: Readonly<Record<string, string | undefined>> = process.env,
): RunnerConfig {
  const faults: string[] = [];
  const warnings: string[] = [];
  const values = readEnvironment(withSecretFiles(env, faults), faults);
  const home = absolute(values.FERMILINK_HOME, join(homedir(), '.fermilink'));
  const ownTemplateRoot = join(PROJECT_ROOT, 'software');
  const templateRoot = absolute(values.FERMILINK_SOFTWARE_ROOT, '/opt/software');
  const workspacesRoot = firstUsable(
    [absolute(values.FERMILINK_WORKSPACES_ROOT, join(home, 'workspaces')), resolve('workspaces')],
    'FERMILINK_WORKSPACES_ROOT',
    { faults, warnings },
  );
  const runtimeRoot = firstUsable(
    [absolute(values.FERMILINK_RUNTIME_ROOT, join(home, 'runtime'))],
    'FERMILINK_RUNTIME_ROOT',
    { faults, warnings },
    0o700,
  );
  if (faults.length > 0) throw new ConfigError(faults);

  return new RunnerConfig({
    host: values.FERMILINK_RUNNER_HOST,
    port: values.FERMILINK_RUNNER_PORT,
    home,
    workspacesRoot,
    scientificPackagesRoot: absolute(
      values.FERMILINK_SCIPKG_ROOT ?? values.FERMILINK_SCIENTIFIC_PACKAGES_ROOT,
      join(home, 'scientific_packages'),
    ),
    runtimeRoot,
    policyFile: join(home, 'agent_runtime.json'),
    activePackageId: values.FERMILINK_SCIPKG_ACTIVE ?? null,
    maxwellLinkRoot: absolute(values.FERMILINK_MAXWELLLINK_ROOT, join(PROJECT_ROOT, 'maxwelllink')),
    legacyMaxwellLinkPackageId:
      values.FERMILINK_LEGACY_MAXWELLLINK_PACKAGE_ID ?? 'maxwelllink-local',
    templateRoot: existsSync(templateRoot) ? templateRoot : ownTemplateRoot,
    ownTemplateRoot,
    maxRuntimeSeconds: values.FERMILINK_RUNNER_MAX_RUNTIME_SECONDS,
    prepareTimeoutSeconds: values.FERMILINK_RUNNER_PREPARE_TIMEOUT_SECONDS,
    globalConcurrentRuns: values.FERMILINK_RUNNER_GLOBAL_CONCURRENT_RUNS,
    perUserConcurrentRuns: values.FERMILINK_RUNNER_PER_USER_CONCURRENT_RUNS,
    maxQueueSize: zeroIsNull(values.FERMILINK_RUNNER_MAX_QUEUE_SIZE),
    maxPendingPerUser: zeroIsNull(values.FERMILINK_RUNNER_MAX_PENDING_PER_USER),
    streamLimitBytes: values.FERMILINK_RUNNER_SUBPROCESS_STREAM_LIMIT,
    maxLineBytes: values.FERMILINK_RUNNER_MAX_LINE_BYTES,
    maxOutputBytes: values.FERMILINK_RUNNER_MAX_OUTPUT_BYTES,
    stallSeconds: zeroIsNull(values.FERMILINK_RUNNER_STALL_SECONDS),
    maxQueueWaitSeconds: zeroIsNull(values.FERMILINK_RUNNER_MAX_QUEUE_WAIT_SECONDS),
    followerTimeoutSeconds: values.FERMILINK_RUNNER_FOLLOWER_TIMEOUT_SECONDS,
    disconnectGraceSeconds: values.FERMILINK_RUNNER_DISCONNECT_GRACE_SECONDS ?? null,
    drainDelaySeconds: values.FERMILINK_RUNNER_DRAIN_DELAY_SECONDS,
    drainSeconds: values.FERMILINK_RUNNER_DRAIN_SECONDS,
    lockWaitSeconds: values.FERMILINK_RUNNER_LOCK_WAIT_SECONDS,
    retainRunsHours: values.FERMILINK_RUNNER_RETAIN_RUNS_HOURS,
    retainBytes: values.FERMILINK_RUNNER_RETAIN_BYTES,
    background: values.FERMILINK_RUNNER_BACKGROUND,
    metricsToken: values.FERMILINK_RUNNER_METRICS_TOKEN ?? null,
    codex: {
      storedLogin: values.FERMILINK_CODEX_AUTH_MODE !== undefined,
      keys: {
        CODEX_API_KEY: values.FERMILINK_CODEX_API_KEY ?? null,
        OPENAI_API_KEY: values.FERMILINK_OPENAI_API_KEY ?? null,
      },
      homes: [
        ...[env.CODEX_HOME?.trim() || values.FERMILINK_CODEX_HOME]
          .filter((path) => path !== undefined)
          .map((path) => absolute(path, path)),
        join(homedir(), '.codex'),
        resolve('.codex'),
      ],
    },
    policyOverrides: {
      provider: values.FERMILINK_AGENT_PROVIDER ?? null,
      sandboxPolicy: values.FERMILINK_AGENT_SANDBOX_POLICY ?? null,
      sandboxMode: values.FERMILINK_AGENT_SANDBOX_MODE ?? null,
      model: values.FERMILINK_AGENT_MODEL ?? null,
      reasoningEffort: values.FERMILINK_AGENT_REASONING_EFFORT ?? null,
    },
    binaries: {
      codex: nameOrPath(values.FERMILINK_CODEX_BIN),
      claude: nameOrPath(values.FERMILINK_CLAUDE_BIN),
      gemini: nameOrPath(values.FERMILINK_GEMINI_BIN),
      opencode: nameOrPath(values.FERMILINK_OPENCODE_BIN),
    },
    agentEnvPassthrough: (values.FERMILINK_AGENT_ENV_PASSTHROUGH ?? '')
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== ''),
    environment: { ...env },
    warnings,
  });
}

/** Puts the content of the files that `…_FILE` names in the place of the secrets themselves. */
function withSecretFiles(
  env: Readonly<Record<string, string | undefined>>,
  faults: string[],
): Readonly<Record<string, string | undefined>> {
  const all = { ...env };
  for (const name of SECRETS) {
    const path = env[`${name}_FILE`]?.trim();
    if (path === undefined || path === '') continue;
    if ((env[name] ?? '').trim() !== '') {
      faults.push(`${name}_FILE is set, but ${name} is too; it must be only one of them.`);
      continue;
    }
    try {
      const content = readSmallFile(absolute(path, path));
      if (content.trim() === '') throw new Error('it is empty');
      all[name] = content.trim();
    } catch {
      const rule = `must be a readable file of 1 to ${MAX_SECRET_BYTES} bytes`;
      faults.push(`${name}_FILE is ${JSON.stringify(path)}, but it ${rule}.`);
    }
  }
  return all;
}

function readSmallFile(path: string): string {
  const stats = statSync(path);
  if (!stats.isFile() || stats.size > MAX_SECRET_BYTES) throw new Error('no small regular file');
  return readFileSync(path, 'utf8');
}

function readEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  faults: string[],
): Environment {
  const set = Object.entries(env).filter(
    ([name, value]) => name.startsWith('FERMILINK_') && value !== undefined && value.trim() !== '',
  );
  const values = plainToInstance(Environment, Object.fromEntries(set), {
    exposeDefaultValues: true,
  });
  // The validator gives its findings in no certain order; the class has one.
  const order = Object.keys(new Environment());
  const findings = validateSync(values, { whitelist: true }).sort(
    (a, b) => order.indexOf(a.property) - order.indexOf(b.property),
  );
  for (const { property, constraints } of findings) {
    const rule = Object.values(constraints ?? {})[0] ?? 'is not valid';
    const shown = SECRETS.has(property) ? 'set' : JSON.stringify(env[property] ?? '');
    faults.push(`${property} is ${shown}, but it ${rule}.`);
  }
  return values;
}

function absolute(value: string | undefined, fallback: string): string {
  if (value === undefined) return fallback;
  return resolve(value === '~' || value.startsWith('~/') ? homedir() + value.slice(1) : value);
}

/** A program's name, which is looked for on PATH, or its path, which is made absolute. */
function nameOrPath(value: string | undefined): string | undefined {
  return value?.includes('/') === true ? absolute(value, value) : value;
}

function zeroIsNull(value: number): number | null {
  return value === 0 ? null : value;
}

/** The first folder of `candidates` that exists or can be made, and can be written. */
function firstUsable(
  candidates: string[],
  variable: string,
  { faults, warnings }: { faults: string[]; warnings: string[] },
  mode = 0o777,
): string {
  const named = `${variable} is ${JSON.stringify(candidates[0])}, but it`;
  for (const path of candidates) {
    try {
      mkdirSync(path, { recursive: true, mode });
      accessSync(path, constants.W_OK | constants.X_OK);
      // Links are resolved once, here: later no component may be one.
      const usable = realpathSync(path);
      if (path !== candidates[0]) {
        warnings.push(
          `${named} cannot be made or written; ${JSON.stringify(usable)} is used instead.`,
        );
      }
      return usable;
    } catch {
      // The next candidate, or the fault below.
    }
  }
  faults.push(`${named} must be a folder that the runner can make and write.`);
  return '';
}
