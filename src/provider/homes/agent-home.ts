/**
 * What one CLI keeps in the home of its user. Every path is relative to that home, as the CLI has it when
 * nobody tells it otherwise.
 */
export interface AgentHome {
  /** The variables that name its folders, and the folders. */
  readonly variables: Readonly<Record<string, string>>;
  /** The file with its login: the one thing that sessions share with the administrator. */
  readonly credential: string;
  /** By these members it is seen that a login is that of the same account. */
  readonly account?: readonly string[];
  /** Files that say how it works: a session has what the administrator has in them, and nothing else. */
  readonly settings: readonly SettingsFile[];
  /** Files and folders that hold its talks: all that a session's home keeps from one run to the next. */
  readonly talks: readonly string[];
  /** How one of these talks is found; absent where the CLI cannot go on with any. */
  readonly talkFile?: TalkFile;
  /** Further files that it finds its talks by, for a session with this `repo/`. */
  indexes?(repoPath: string): Readonly<Record<string, string>>;
  /** The administrator's home of this CLI; null if there is none. */
  find(): Promise<BaseHome | null>;
  /** The same, made where it is missing and the CLI would not make it itself; null if it cannot be made. */
  findOrMake(): Promise<BaseHome | null>;
}

/** How the talk with a certain id is found in `talks`. */
export interface TalkFile {
  /** What ids look like: nothing else ever gets into a command line. */
  readonly id: RegExp;
  /** Whether a file is that of a talk; absent where all talks are in one file, with their ids. */
  isFileOf?(name: string, id: string): boolean;
  /** Whether a file with these first bytes can be what its CLI takes it for. */
  isWhole?(path: string, head: Buffer): boolean;
}

export interface SettingsFile {
  path: string;
  /** What a session gets of it; without this, all of it. */
  select?: (text: string) => string;
}

/** The administrator's own home of a CLI. */
export interface BaseHome {
  /** The variables by which the CLI uses it itself. */
  variables: Readonly<Record<string, string>>;
  /** Where it has what is at `path` in a session's home. */
  at(path: string): string;
}
