import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Environment } from './environment.js';
import { PROJECT_ROOT } from './load-config.js';

it('every setting of the runner stands in the README', () => {
  const text = readFileSync(join(PROJECT_ROOT, 'README.md'), 'utf8');
  const known = Object.keys(new Environment());
  expect(known.length).toBeGreaterThan(60);
  expect(known.filter((name) => !text.includes(`\`${name}\``))).toEqual([]);
});
