import { access, constants } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import { jsonObjectIn } from '../../common/json.js';
import { makeFolder } from '../../common/make-folder.js';
import { XDG_FOLDERS } from '../../config/agent-bases.js';
import type { AgentBases, XdgVariable } from '../../config/runner-config.js';
import type { AgentHome, BaseHome } from './agent-home.js';

export const CODEX_SETTINGS = '.codex/config.toml';
const DATABASE_HEAD = Buffer.from('SQLite format 3\0');
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
export const GEMINI_SETTINGS = '.gemini/settings.json';
export const GEMINI_VARIABLES = '.gemini/.env';

/** @param places where its home may be; the first one that can be made is used */
export function codexHome(places: readonly string[]): AgentHome {
  const baseIn = (folder: string | null): BaseHome | null => {
    if (folder === null) return null;
    return {
      variables: { CODEX_HOME: folder },
      at: (path) => join(folder, relative('.codex', path)),
    };
  };
  return {
    variables: { CODEX_HOME: '.codex' },
    credential: '.codex/auth.json',
    account: ['auth_mode', 'tokens.account_id', 'OPENAI_API_KEY'],
    settings: [{ path: CODEX_SETTINGS }, { path: '.codex/AGENTS.md' }],
    talks: ['.codex/sessions'],
    talkFile: { id: UUID, isFileOf: (name, id) => name.endsWith(`-${id}.jsonl`) },
    find: async () => baseIn(await firstOf(places, isUsable)),
    findOrMake: async () => baseIn(await firstOf(places, isMadeUsable)),
  };
}

export function claudeHome({ folder, stateFile, chosen }: AgentBases['claude']): AgentHome {
  const state = '.claude/.claude.json';
  return {
    variables: { CLAUDE_CONFIG_DIR: '.claude' },
    credential: '.claude/.credentials.json',
    settings: [
      { path: '.claude/settings.json' },
      { path: '.claude/CLAUDE.md' },
      { path: state, select: withoutProjects },
    ],
    talks: ['.claude/projects'],
    talkFile: { id: UUID, isFileOf: (name, id) => name === `${id}.jsonl` },
    ...always({
      variables: variable('CLAUDE_CONFIG_DIR', chosen),
      at: (path) => (path === state ? stateFile : join(folder, relative('.claude', path))),
    }),
  };
}

/** What claude knows of the folders that the administrator has worked in is nobody else's. */
function withoutProjects(text: string): string {
  const { projects: _projects, ...rest } = jsonObjectIn(text);
  return JSON.stringify(rest);
}

export function geminiHome({ folder, chosen }: AgentBases['gemini']): AgentHome {
  const talksOf = (name: string) => `.gemini/tmp/${name}`;
  return {
    variables: { GEMINI_CLI_HOME: '' },
    credential: '.gemini/oauth_creds.json',
    account: ['id_token:sub'],
    settings: [
      { path: GEMINI_SETTINGS },
      { path: '.gemini/GEMINI.md' },
      { path: '.gemini/google_accounts.json' },
      { path: GEMINI_VARIABLES },
    ],
    // Beside them are programs that it starts (`tmp/bin`).
    talks: [`${talksOf('repo')}/chats`],
    // It names them by their time and the beginning of their ids.
    talkFile: { id: UUID, isFileOf: (name, id) => name.includes(`-${id.slice(0, 8)}.json`) },
    indexes: (repoPath) => ({
      '.gemini/projects.json': JSON.stringify({ projects: { [repoPath]: basename(repoPath) } }),
      [`${talksOf(basename(repoPath))}/.project_root`]: repoPath,
    }),
    ...always({
      variables: variable('GEMINI_CLI_HOME', chosen),
      at: (path) => join(folder, path),
    }),
  };
}

export function opencodeHome(folders: AgentBases['opencode']): AgentHome {
  const config = (name: string) => `${XDG_FOLDERS.XDG_CONFIG_HOME}/opencode/${name}`;
  const data = (name: string) => `${XDG_FOLDERS.XDG_DATA_HOME}/opencode/${name}`;
  const variableOf = (path: string) =>
    (Object.keys(XDG_FOLDERS) as XdgVariable[]).find((it) => path.startsWith(XDG_FOLDERS[it]))!;
  return {
    variables: XDG_FOLDERS,
    credential: data('auth.json'),
    // Of several vendors; a key is not renewed.
    account: ['*.type', '*.key', '*.accountId'],
    settings: ['config.json', 'opencode.json', 'opencode.jsonc', 'AGENTS.md'].map((name) => ({
      path: config(name),
    })),
    talks: [data('opencode.db'), data('opencode.db-wal')],
    talkFile: {
      id: /^ses_[0-9A-Za-z]{8,64}$/,
      // Of anything else it says that this is no database, and ends. It makes one of an empty file.
      isWhole: (path, head) =>
        !path.endsWith('.db') || head.length === 0 || head.equals(DATABASE_HEAD),
    },
    ...always({
      variables: folders,
      at: (path) => {
        const variable = variableOf(path);
        return join(folders[variable], relative(XDG_FOLDERS[variable], path));
      },
    }),
  };
}

/** A home whose place is known, whether or not its CLI has made it yet. */
function always(base: BaseHome): Pick<AgentHome, 'find' | 'findOrMake'> {
  const find = () => Promise.resolve(base);
  return { find, findOrMake: find };
}

function variable(name: string, value: string | null): Record<string, string> {
  return value === null ? {} : { [name]: value };
}

async function firstOf(
  places: readonly string[],
  isGood: (place: string) => Promise<boolean>,
): Promise<string | null> {
  for (const place of places) if (await isGood(place)) return place;
  return null;
}

/** Whether a folder is there and can be written. */
function isUsable(folder: string): Promise<boolean> {
  // With the slash it is no file.
  return access(`${folder}/`, constants.W_OK | constants.X_OK).then(
    () => true,
    () => false,
  );
}

/** The same of a folder that may have to be made. */
async function isMadeUsable(folder: string): Promise<boolean> {
  // Mostly it is there.
  if (await isUsable(folder)) return true;
  try {
    await makeFolder(folder, 0o700);
  } catch {
    return false;
  }
  return isUsable(folder);
}
