import type { AgentBases, AgentSettings } from '../../config/runner-config.js';
import type { AgentAdapter, AgentInvocation, LaunchContext } from '../agent-adapter.js';
import { claudeHome } from '../homes/cli-homes.js';
import { claudeReading } from '../readings/claude.js';
import { withoutCommand } from './slash-command.js';

const MODES = { 'read-only': 'plan', 'workspace-write': 'acceptEdits' } as const;

/** Otherwise a model decides which commands may run while it plans, those that write among them. */
const PLAN_SETTINGS = JSON.stringify({ useAutoModeDuringPlan: false });

/** Settings that stand in a workspace can name commands, lift the mode, and send the key to another server. */
const NO_PROJECT_SETTINGS = ['--setting-sources', 'user'];

/** Variables of which one is enough. */
const CREDENTIALS = [
  ...['ANTHROPIC_API_KEY', 'ANTHROPIC_AUTH_TOKEN', 'CLAUDE_CODE_OAUTH_TOKEN'],
  ...['CLAUDE_CODE_USE_BEDROCK', 'CLAUDE_CODE_USE_VERTEX'],
];

const claude: AgentAdapter = {
  id: 'claude',
  binary: 'claude',
  tested: { package: '@anthropic-ai/claude-code', versions: ['2.1.332'] },
  credentials: {
    isVariable: (name) => CREDENTIALS.includes(name),
    hint: 'set ANTHROPIC_API_KEY, or log in with "claude"',
  },
  environmentFamilies: ['ANTHROPIC_', 'CLAUDE_'],
  politeSignal: 'SIGINT',
  reading: claudeReading,

  invocation({ policy, agents, environment, repoPath, talk }: LaunchContext): AgentInvocation {
    const mode = policy.sandboxMode === null ? 'bypassPermissions' : MODES[policy.sandboxMode];
    const args = ['--print', '--verbose', '--output-format', 'stream-json'];
    // The rules there it reads as those of a further folder.
    args.push(...NO_PROJECT_SETTINGS, '--add-dir', repoPath, '--permission-mode', mode);
    if (policy.sandboxMode === 'read-only') args.push('--settings', PLAN_SETTINGS);
    if (policy.model !== null) args.push('--model', policy.model);
    // Of a model that has less than `xhigh` it asks for the most by itself.
    if (policy.reasoningEffort !== null) args.push('--effort', policy.reasoningEffort);
    if (talk !== null) args.push('--resume', talk);
    const env = quiet(agents);
    // What the administrator has set holds, also where its name is of no family of this CLI.
    for (const name of Object.keys(env)) env[name] = environment[name] || env[name]!;
    env.CLAUDE_CODE_ADDITIONAL_DIRECTORIES_CLAUDE_MD = '1';
    // Without it, root may not bypass; that the administrator wants it is what `bypass` says.
    if (policy.sandboxMode === null) env.IS_SANDBOX = '1';
    return { args, env };
  },

  stdin: withoutCommand,
};

/** Anthropic's Claude Code. Its modes are rules inside the program, not containment. */
export function claudeAdapter(base: AgentBases['claude']): AgentAdapter {
  return { ...claude, home: claudeHome(base) };
}

function quiet({ telemetry, updateChecks, retries }: AgentSettings): Record<string, string> {
  const env: Record<string, string> = {};
  if (!telemetry && !updateChecks) env.CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC = '1';
  else if (!telemetry) Object.assign(env, { DISABLE_TELEMETRY: '1', DISABLE_ERROR_REPORTING: '1' });
  else if (!updateChecks) env.DISABLE_AUTOUPDATER = '1';
  if (retries !== null) env.CLAUDE_CODE_MAX_RETRIES = String(retries);
  return env;
}
