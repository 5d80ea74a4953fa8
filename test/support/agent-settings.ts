import { join } from 'node:path';
import type { AgentBases, AgentSettings, CodexSettings } from '../../src/config/runner-config.js';

/** The settings of all agents as they are when nobody sets any. */
export const AGENTS: AgentSettings = {
  home: 'session',
  telemetry: false,
  updateChecks: false,
  retries: 2,
};

/** The settings of codex alone as they are when nobody sets any, without a place for its home. */
export const CODEX: CodexSettings = {
  storedLogin: false,
  keys: { CODEX_API_KEY: null, OPENAI_API_KEY: null },
  homes: [],
};

/** The usual places of the administrator's homes under the home of a user. */
export function basesIn(home: string): AgentBases {
  return {
    claude: { folder: join(home, '.claude'), stateFile: join(home, '.claude.json'), chosen: null },
    gemini: { folder: home, chosen: null },
    opencode: {
      XDG_CONFIG_HOME: join(home, '.config'),
      XDG_DATA_HOME: join(home, '.local', 'share'),
      XDG_STATE_HOME: join(home, '.local', 'state'),
      XDG_CACHE_HOME: join(home, '.cache'),
    },
  };
}
