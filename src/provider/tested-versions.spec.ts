import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROJECT_ROOT } from '../config/load-config.js';
import { TESTED_CLIS } from './tested-versions.js';

const { dependencies } = JSON.parse(
  readFileSync(join(PROJECT_ROOT, 'test', 'agents', 'package.json'), 'utf8'),
) as { dependencies: Record<string, string> };

it.each(Object.entries(dependencies))('%s is tested at the version %s', (name, version) => {
  const cli = Object.values(TESTED_CLIS).find((it) => it.package === name);
  expect(cli?.versions.at(-1)).toBe(version);
});
