/** `npm run doctor`, and `fermilink-runner doctor` without the rest of the command line. */
import { doctor } from './ops/doctor.js';

await doctor(process.argv.slice(2));
