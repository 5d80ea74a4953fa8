import type { RunnerConfig } from '../../config/runner-config.js';
import type { AgentAdapter } from '../agent-adapter.js';
import { claudeAdapter } from './claude.js';
import { codexAdapter } from './codex.js';
import { demoAdapter } from './demo.js';
import { geminiAdapter } from './gemini.js';
import { opencodeAdapter } from './opencode.js';

/** Every provider that this runner can drive, by id. */
export function adaptersFor({
  codex,
}: Pick<RunnerConfig, 'codex'>): ReadonlyMap<string, AgentAdapter> {
  const all = [codexAdapter(codex), claudeAdapter, geminiAdapter, opencodeAdapter, demoAdapter];
  return new Map(all.map((it) => [it.id, it]));
}
