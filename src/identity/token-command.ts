import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { absolute } from '../config/folders.js';
import { SCOPES } from './scopes.js';
import { TokenFileEditor, TokenFileFault } from './token-file-editor.js';

/** Where the command finds its file, and what it says. */
export interface TokenCommandSurroundings {
  /** The file where no `--file` is given; null if there is none. */
  defaultFile: string | null;
  /** What a program that called it reads. */
  out: (text: string) => void;
  /** What a person reads besides. */
  note: (text: string) => void;
}

const USAGE = `Use: fermilink-runner token --name NAME --scopes SCOPE,SCOPE [--user USER] [--expires DATE] [--file FILE]
     fermilink-runner token --list [--file FILE]
     fermilink-runner token --remove NAME [--file FILE]
Scopes: ${SCOPES.join(', ')}
Without --user the token may act for every user. FILE is FERMILINK_RUNNER_TOKENS_FILE if it is not given.`;

/** The command was not understood. */
class UsageFault extends Error {}

const OPTIONS = {
  name: { type: 'string' },
  scopes: { type: 'string' },
  user: { type: 'string' },
  expires: { type: 'string' },
  file: { type: 'string' },
  list: { type: 'boolean' },
  remove: { type: 'string' },
  help: { type: 'boolean' },
} as const;

/**
 * Makes a token, which is shown once and of which the file has only the hash; or lists what there is; or
 * removes one.
 * @returns the exit status: 0; 1 after a sentence that says what is wrong; 2 if it was not understood
 */
export async function tokenCommand(
  args: readonly string[],
  surroundings: TokenCommandSurroundings,
): Promise<number> {
  try {
    await carryOut(args, surroundings);
    return 0;
  } catch (error) {
    surroundings.note(error instanceof Error ? error.message : String(error));
    return error instanceof UsageFault ? 2 : 1;
  }
}

async function carryOut(
  args: readonly string[],
  { defaultFile, out, note }: TokenCommandSurroundings,
): Promise<void> {
  const given = optionsOf(args);
  if (given.help === true) {
    out(USAGE);
    return;
  }
  const file = given.file === undefined ? defaultFile : absolute(given.file, given.file);
  if (file === null) {
    throw new TokenFileFault(
      'There is no file for tokens: name it with --file, or set FERMILINK_RUNNER_TOKENS_FILE.',
    );
  }
  const editor = new TokenFileEditor(file);
  if (given.list === true) {
    for (const token of await editor.list()) out(token);
  } else if (given.remove !== undefined) {
    await editor.remove(given.remove);
    note(`The token "${given.remove}" is removed; a running server refuses it from now on.`);
  } else {
    if (given.name === undefined || given.scopes === undefined) throw new UsageFault(USAGE);
    const { name, user, expires: expiresAt } = given;
    const scopes = given.scopes.split(',').map((scope) => scope.trim());
    const isNew = !existsSync(file);
    out(await editor.add({ name, scopes, user, expiresAt }));
    if (isNew)
      note(
        `The file ${file} is new; a server reads it where FERMILINK_RUNNER_TOKENS_FILE names it.`,
      );
    note('This token is shown once and kept nowhere; a running server accepts it from now on.');
  }
}

function optionsOf(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, strict: true, allowPositionals: false })
      .values;
  } catch (error) {
    throw new UsageFault(`${(error as Error).message}\n${USAGE}`);
  }
}
