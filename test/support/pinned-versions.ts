import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROJECT_ROOT } from '../../src/config/load-config.js';

/** The versions that `npm run test:agents` installs, by the package on npm. */
export const PINNED_VERSIONS: Readonly<Record<string, string>> = (
  JSON.parse(readFileSync(join(PROJECT_ROOT, 'test', 'agents', 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  }
).dependencies;
