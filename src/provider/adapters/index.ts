import type { AgentAdapter } from '../agent-adapter.js';
import { claudeAdapter } from './claude.js';
import { codexAdapter } from './codex.js';
import { demoAdapter } from './demo.js';
import { geminiAdapter } from './gemini.js';
import { opencodeAdapter } from './opencode.js';

/** Every provider that this runner can drive, by id. */
export const ADAPTERS: ReadonlyMap<string, AgentAdapter> = new Map(
  [codexAdapter, claudeAdapter, geminiAdapter, opencodeAdapter, demoAdapter].map((it) => [
    it.id,
    it,
  ]),
);
