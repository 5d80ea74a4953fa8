import { access, constants, realpath } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { CodexSettings } from '../../config/runner-config.js';
import { PLACEHOLDER } from '../../config/secret-values.js';
import type { AgentAdapter, LaunchContext, SandboxProbe } from '../agent-adapter.js';
import { CODEX_SETTINGS, codexHome } from '../homes/cli-homes.js';
import { codexReading } from '../readings/codex.js';
import { retrySettings } from './codex-retries.js';

/** What keeps it quiet on the network. */
const NO_TELEMETRY = [
  'analytics.enabled=false',
  'otel.exporter=none',
  'otel.metrics_exporter=none',
];
/** Plugins and apps are looked for in catalogues on the network. */
const NO_UPDATE_CHECKS = [
  'check_for_update_on_startup=false',
  'features.plugins=false',
  'features.apps=false',
];

const SANDBOX_PROBE: SandboxProbe = {
  args: (command) => ['sandbox', '-c', 'sandbox_mode="read-only"', '--', 'sh', '-c', command],
  unknownStatus: 2,
  remedy: 'allow user namespaces to the runner',
};

const TARGETS: Partial<Record<NodeJS.Architecture, { name: string; triple: string }>> = {
  x64: { name: 'codex-linux-x64', triple: 'x86_64-unknown-linux-musl' },
  arm64: { name: 'codex-linux-arm64', triple: 'aarch64-unknown-linux-musl' },
};

/** OpenAI's codex, with what is configured for it. */
export function codexAdapter(settings: CodexSettings): AgentAdapter {
  return {
    id: 'codex',
    binary: 'codex',
    tested: { package: '@openai/codex', versions: ['0.169.0'] },
    credentials: {
      // It sends OPENAI_API_KEY to nobody, unless its settings name that.
      isVariable: (name) => name === 'CODEX_API_KEY',
      hint: 'set FERMILINK_CODEX_API_KEY or CODEX_API_KEY (OPENAI_API_KEY alone it does not use), or log in with "codex login"',
    },
    sandboxProbe: SANDBOX_PROBE,
    variables: (environment) => keysFor(environment, settings),
    environmentFamilies: ['OPENAI_', 'CODEX_'],
    politeSignal: 'SIGINT',
    reading: codexReading,
    invocation: (context) => ({ args: commandLine(context) }),
    home: codexHome(settings.homes),
    nativeBinary,
  };
}

function commandLine(context: LaunchContext): string[] {
  const { policy, repoPath, mark, agents, settings, talk } = context;
  const args = ['exec', '--json', '--skip-git-repo-check', '--cd', repoPath];
  const set = (setting: string) => args.push('-c', setting);
  if (policy.sandboxMode === null) {
    args.push('--dangerously-bypass-approvals-and-sandbox');
  } else {
    args.push('--sandbox', policy.sandboxMode);
    if (policy.sandboxMode === 'workspace-write') {
      // Otherwise it may write to /tmp, which all sessions share. $TMPDIR is the run's own.
      set('sandbox_workspace_write.exclude_slash_tmp=true');
    }
  }
  // Otherwise the provider's key is visible to every command that a tool runs.
  set('shell_environment_policy.inherit=core');
  for (const [name, value] of Object.entries(mark)) {
    set(`shell_environment_policy.set.${name}="${value}"`);
  }
  if (!agents.telemetry) NO_TELEMETRY.forEach(set);
  if (!agents.updateChecks) NO_UPDATE_CHECKS.forEach(set);
  retrySettings(agents.retries, settings.get(CODEX_SETTINGS) ?? '').forEach(set);
  if (policy.model !== null) args.push('-m', policy.model);
  if (policy.reasoningEffort !== null) set(`model_reasoning_effort="${policy.reasoningEffort}"`);
  // The options of `exec` hold for a talk that goes on too, and only before this word.
  if (talk !== null) args.push('resume', talk);
  return [...args, '-'];
}

/**
 * The npm package puts a script on PATH that starts the real program: killed, it would leave that
 * running with stdout open. So the real one is started where it is found beside the script.
 */
async function nativeBinary(path: string): Promise<string> {
  const target = TARGETS[process.arch];
  const script = await realpath(path);
  if (target === undefined || !script.endsWith(join('@openai', 'codex', 'bin', 'codex.js'))) {
    return path;
  }
  const own = join(dirname(script), '..');
  const program = join('vendor', target.triple, 'bin', 'codex');
  const candidates = [
    join(own, 'node_modules', '@openai', target.name, program),
    join(own, '..', target.name, program),
    join(own, program),
  ];
  for (const candidate of candidates) {
    try {
      await access(candidate, constants.X_OK);
      return candidate;
    } catch {
      // The next one, or the script after all.
    }
  }
  return path;
}

/** The API keys (contract, section 2): its own variables first, then what is configured. */
function keysFor(
  environment: Readonly<Record<string, string | undefined>>,
  { keys, storedLogin }: CodexSettings,
): Record<string, string | undefined> {
  const real = (key: string | null | undefined) =>
    key && key.trim() !== '' && !PLACEHOLDER.test(key.trim()) ? key : undefined;
  const result: Record<string, string | undefined> = {};
  for (const [name, configured] of Object.entries(keys)) {
    result[name] = storedLogin ? undefined : (real(environment[name]) ?? real(configured));
  }
  return result;
}
