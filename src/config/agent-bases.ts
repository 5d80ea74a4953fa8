import { join } from 'node:path';
import type { Environment } from './environment.js';
import { absolute } from './folders.js';
import type { AgentBases, XdgVariable } from './runner-config.js';

/** Where a CLI that keeps the XDG rules has its files under a home. */
export const XDG_FOLDERS: Readonly<Record<XdgVariable, string>> = {
  XDG_CONFIG_HOME: '.config',
  XDG_DATA_HOME: join('.local', 'share'),
  XDG_STATE_HOME: join('.local', 'state'),
  XDG_CACHE_HOME: '.cache',
};

/**
 * Finds the homes of the CLIs: by the CLI's own variable, else by ours, else at the CLI's usual place.
 * That of codex is looked for when it is needed, since it may have to be made.
 */
export function agentBases(
  values: Environment,
  env: Readonly<Record<string, string | undefined>>,
  userFolder: string,
): AgentBases {
  const chosen = (own: string, ours: string | undefined) => {
    const path = env[own]?.trim() || ours;
    return path === undefined ? null : absolute(path, path);
  };
  const claude = chosen('CLAUDE_CONFIG_DIR', values.FERMILINK_CLAUDE_HOME);
  const gemini = chosen('GEMINI_CLI_HOME', values.FERMILINK_GEMINI_HOME);
  const opencode = absolute(values.FERMILINK_OPENCODE_HOME, userFolder);
  const ofOpencode = (variable: XdgVariable) => {
    const usual = join(opencode, XDG_FOLDERS[variable]);
    const isOurs = values.FERMILINK_OPENCODE_HOME !== undefined;
    return isOurs ? usual : absolute(env[variable]?.trim() || undefined, usual);
  };
  return {
    claude: {
      folder: claude ?? join(userFolder, '.claude'),
      stateFile: join(claude ?? userFolder, '.claude.json'),
      chosen: claude,
    },
    gemini: { folder: gemini ?? userFolder, chosen: gemini },
    opencode: {
      XDG_CONFIG_HOME: ofOpencode('XDG_CONFIG_HOME'),
      XDG_DATA_HOME: ofOpencode('XDG_DATA_HOME'),
      XDG_STATE_HOME: ofOpencode('XDG_STATE_HOME'),
      XDG_CACHE_HOME: ofOpencode('XDG_CACHE_HOME'),
    },
  };
}
