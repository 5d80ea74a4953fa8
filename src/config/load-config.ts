import 'reflect-metadata';
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { plainToInstance } from 'class-transformer';
import { validateSync } from 'class-validator';
import { agentBases } from './agent-bases.js';
import { CLI_VARIABLES } from './cli-environment.js';
import { Environment, PROVIDER_IDS } from './environment.js';
import { fileSettings } from './file-settings.js';
import { absolute, firstUsable, isBlocked, nameOrPath, userHome } from './folders.js';
import { identitySettings } from './identity-settings.js';
import { listed } from './listed.js';
import { packageSettings } from './package-settings.js';
import type { ProviderDefinition } from './provider-definition.js';
import { readProvidersFile } from './providers-file.js';
import { RunnerConfig } from './runner-config.js';
import { secretValues } from './secret-values.js';
import { isSecretFile, secretFault, withSecretFiles } from './secrets.js';
import { sessionLimits, zeroIsNull } from './session-limits.js';
import { webhookSettings } from './webhook-settings.js';

/** The folder that holds `package.json`, `software/` and `dist/`. */
export const PROJECT_ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** The environment breaks one or more rules; `faults` has one sentence each. */
export class ConfigError extends Error {
  constructor(readonly faults: readonly string[]) {
    super(faults.join('\n'));
    this.name = 'ConfigError';
  }
}

/**
 * The settings of the runner as `readConfig` reads them.
 * @throws {ConfigError} with all faults at once
 */
export function loadConfig(env?: Readonly<Record<string, string | undefined>>): RunnerConfig {
  const { config, faults } = readConfig(env);
  if (faults.length > 0) throw new ConfigError(faults);
  return config;
}

/**
 * Reads and validates every setting of the runner (contract, section 2) and makes the folders that it
 * needs.
 * @returns the settings, and a sentence for each fault; where there is one, they are only good for
 *   finding more of them
 */
export function readConfig(env: Readonly<Record<string, string | undefined>> = process.env): {
  config: RunnerConfig;
  faults: string[];
} {
  const faults: string[] = [];
  const warnings: string[] = [];
  const variables = withSecretFiles(env, faults);
  const values = readEnvironment(variables, faults);
  const providers = readProviders(values, env, faults);
  warnings.push(...unknownVariables(env));
  const userFolder = userHome();
  if (userFolder === null) {
    const rule =
      'must be the absolute path of a folder, since the system knows no home of this user';
    faults.push(`HOME is ${JSON.stringify(env.HOME ?? '')}, but it ${rule}.`);
  }
  const home = absolute(values.FERMILINK_HOME, join(userFolder ?? '', '.fermilink'));
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
  const packagesVariable =
    values.FERMILINK_SCIPKG_ROOT === undefined &&
    values.FERMILINK_SCIENTIFIC_PACKAGES_ROOT !== undefined
      ? 'FERMILINK_SCIENTIFIC_PACKAGES_ROOT'
      : 'FERMILINK_SCIPKG_ROOT';
  const scientificPackagesRoot = absolute(
    values[packagesVariable],
    join(home, 'scientific_packages'),
  );
  const folders = {
    FERMILINK_SOFTWARE_ROOT: templateRoot,
    [packagesVariable]: scientificPackagesRoot,
  };
  for (const [variable, path] of Object.entries(folders)) {
    if (!isBlocked(path)) continue;
    faults.push(
      `${variable} is ${JSON.stringify(path)}, but it must be a folder, or not exist yet.`,
    );
  }

  const config = new RunnerConfig({
    host: values.FERMILINK_RUNNER_HOST,
    port: values.FERMILINK_RUNNER_PORT,
    home,
    workspacesRoot,
    scientificPackagesRoot,
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
    redact: values.FERMILINK_RUNNER_REDACT,
    secrets: secretValues(variables),
    docs: values.FERMILINK_RUNNER_DOCS,
    metricsToken: values.FERMILINK_RUNNER_METRICS_TOKEN ?? null,
    identity: identitySettings(values, faults),
    corsOrigins: listed(values.FERMILINK_RUNNER_CORS_ORIGINS ?? ''),
    files: fileSettings(values),
    sessions: sessionLimits(values, warnings),
    webhook: webhookSettings(values, env, { faults, warnings }),
    agents: {
      home: values.FERMILINK_AGENT_HOME,
      telemetry: values.FERMILINK_AGENT_TELEMETRY,
      updateChecks: values.FERMILINK_AGENT_UPDATE_CHECKS,
      retries: /^\d/.test(values.FERMILINK_AGENT_RETRIES)
        ? Number(values.FERMILINK_AGENT_RETRIES)
        : null,
    },
    packages: packageSettings(values, scientificPackagesRoot),
    agentBases: agentBases(values, env, userFolder ?? ''),
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
        join(userFolder ?? '', '.codex'),
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
    providers,
    binaries: {
      codex: nameOrPath(values.FERMILINK_CODEX_BIN),
      claude: nameOrPath(values.FERMILINK_CLAUDE_BIN),
      gemini: nameOrPath(values.FERMILINK_GEMINI_BIN),
      opencode: nameOrPath(values.FERMILINK_OPENCODE_BIN),
    },
    agentEnvPassthrough: listed(values.FERMILINK_AGENT_ENV_PASSTHROUGH ?? ''),
    environment: { ...env },
    warnings,
  });
  return { config, faults };
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
    const secret = secretFault(property, rule, env);
    faults.push(secret ?? `${property} is ${JSON.stringify(env[property] ?? '')}, but it ${rule}.`);
  }
  return values;
}

/** What the providers file defines, and whether the chosen provider is among what there is then. */
function readProviders(
  { FERMILINK_PROVIDERS_FILE: file, FERMILINK_AGENT_PROVIDER: chosen }: Environment,
  env: Readonly<Record<string, string | undefined>>,
  faults: string[],
): ProviderDefinition[] {
  const faultsBefore = faults.length;
  const providers = file === undefined ? [] : readProvidersFile(absolute(file, file), faults);
  const ids = [...PROVIDER_IDS, ...providers.map(({ id }) => id)];
  // Which ids a file with faults was meant to have, nobody knows.
  if (chosen !== undefined && !ids.includes(chosen) && faults.length === faultsBefore) {
    const given = JSON.stringify(env.FERMILINK_AGENT_PROVIDER);
    faults.push(`FERMILINK_AGENT_PROVIDER is ${given}, but it must be one of: ${ids.join(', ')}.`);
  }
  return providers;
}

/** A sentence for each variable that looks like one of ours and is none: mostly it is mistyped. */
function unknownVariables(env: Readonly<Record<string, string | undefined>>): string[] {
  const known = new Set([...Object.keys(new Environment()), ...CLI_VARIABLES]);
  return Object.keys(env)
    .filter((name) => /^FERMILINK_(RUNNER|AGENT|CODEX|CLAUDE|GEMINI|OPENCODE)_/.test(name))
    .filter((name) => !known.has(name) && !isSecretFile(name))
    .map((name) => `${name} is no variable of the runner; it has no effect.`);
}
