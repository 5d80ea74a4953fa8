import type { ReadingId } from '../../config/provider-definition.js';
import type { AgentReading } from '../agent-reading.js';
import { claudeReading } from './claude.js';
import { codexReading } from './codex.js';
import { geminiReading } from './gemini.js';
import { opencodeReading } from './opencode.js';
import { textReading } from './text.js';

/** Every reading that there is, by the id by which a providers file chooses it. */
export const READINGS: Readonly<Record<ReadingId, AgentReading>> = {
  codex: codexReading,
  claude: claudeReading,
  gemini: geminiReading,
  opencode: opencodeReading,
  text: textReading,
};
