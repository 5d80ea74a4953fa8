import type { AgentAdapter, AgentInvocation, LaunchContext } from '../agent-adapter.js';
import { claudeReading } from '../readings/claude.js';
import { withoutCommand } from './slash-command.js';

const MODES = { 'read-only': 'plan', 'workspace-write': 'acceptEdits' } as const;

/** Anthropic's Claude Code. Its modes are rules inside the program, not containment. */
export const claudeAdapter: AgentAdapter = {
  id: 'claude',
  binary: 'claude',
  environmentFamilies: ['ANTHROPIC_', 'CLAUDE_'],
  politeSignal: 'SIGINT',
  reading: claudeReading,

  invocation({ policy }: LaunchContext): AgentInvocation {
    const mode = policy.sandboxMode === null ? 'bypassPermissions' : MODES[policy.sandboxMode];
    const args = ['--print', '--verbose', '--output-format', 'stream-json'];
    args.push('--permission-mode', mode);
    if (policy.model !== null) args.push('--model', policy.model);
    if (policy.reasoningEffort !== null) {
      args.push('--effort', policy.reasoningEffort === 'xhigh' ? 'high' : policy.reasoningEffort);
    }
    const env: Record<string, string> = { CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1' };
    // Without it, root may not bypass; that the administrator wants it is what `bypass` says.
    if (policy.sandboxMode === null) env.IS_SANDBOX = '1';
    return { args, env };
  },

  stdin: withoutCommand,
};
