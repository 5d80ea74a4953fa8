import { tokensFileOf } from '../../config/tokens-file.js';
import { tokenCommand } from '../../identity/token-command.js';

/** `fermilink-runner token`: makes, lists and removes the tokens by which callers are known. */
export async function token(args: readonly string[]): Promise<void> {
  process.exitCode = await tokenCommand(args, {
    defaultFile: tokensFileOf(),
    out: (text) => process.stdout.write(`${text}\n`),
    note: (text) => process.stderr.write(`${text}\n`),
  });
}
