import type { AgentReading } from '../agent-reading.js';
import { claudeReading } from './claude.js';
import { codexReading } from './codex.js';
import { geminiReading } from './gemini.js';
import { opencodeReading } from './opencode.js';
import { textReading } from './text.js';

/** Every reading that there is, by id. */
export const READINGS: ReadonlyMap<string, AgentReading> = new Map(
  [codexReading, claudeReading, geminiReading, opencodeReading, textReading].map((it) => [
    it.id,
    it,
  ]),
);
