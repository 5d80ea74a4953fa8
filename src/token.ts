/** `npm run token`, and `fermilink-runner token` without the rest of the command line. */
import { token } from './cli/commands/token.js';

await token(process.argv.slice(2));
