import type { RunnerConfig } from '../../config/runner-config.js';
import type { AgentAdapter } from '../agent-adapter.js';
import { claudeAdapter } from './claude.js';
import { codexAdapter } from './codex.js';
import { configuredAdapter } from './configured.js';
import { demoAdapter } from './demo.js';
import { geminiAdapter } from './gemini.js';
import { opencodeAdapter } from './opencode.js';

/** Every provider that this runner can drive, by id. */
export function adaptersFor({
  codex,
  agentBases,
  providers = [],
}: Pick<RunnerConfig, 'codex' | 'agentBases'> &
  Partial<Pick<RunnerConfig, 'providers'>>): ReadonlyMap<string, AgentAdapter> {
  const all: AgentAdapter[] = [
    codexAdapter(codex),
    claudeAdapter(agentBases.claude),
    geminiAdapter(agentBases.gemini),
    opencodeAdapter(agentBases.opencode),
    demoAdapter,
    ...providers.map(configuredAdapter),
  ];
  return new Map(all.map((it) => [it.id, it]));
}
