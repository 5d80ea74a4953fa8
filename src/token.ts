/** `npm run token`: makes, lists and removes the tokens by which callers are known. No server is needed. */
import { tokensFileOf } from './config/tokens-file.js';
import { tokenCommand } from './identity/token-command.js';

process.exitCode = await tokenCommand(process.argv.slice(2), {
  defaultFile: tokensFileOf(),
  out: (text) => process.stdout.write(`${text}\n`),
  note: (text) => process.stderr.write(`${text}\n`),
});
