import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { TESTED_CLIS } from '../../src/provider/tested-versions.js';
import { PROJECT, temporaryFolder } from '../support/runner.js';

const { dependencies } = JSON.parse(
  readFileSync(join(PROJECT, 'test', 'agents', 'package.json'), 'utf8'),
) as { dependencies: Record<string, string> };
const IDS = Object.keys(TESTED_CLIS).filter((id) => TESTED_CLIS[id]!.package in dependencies);

interface Seen {
  id: string;
  version: string | null;
}

let home: string;
beforeAll(() => {
  home = temporaryFolder();
});
afterAll(() => rmSync(home, { recursive: true }));

/** What the doctor says of the installed CLIs; it ends with 1, since there are no credentials. */
function see(bin: string): Seen[] {
  const doctor = `'${process.execPath}' dist/doctor.js --json || true`;
  const said = execFileSync('sh', ['-c', doctor], {
    cwd: PROJECT,
    env: { PATH: [bin, process.env.PATH].join(delimiter), HOME: home },
    encoding: 'utf8',
  });
  return (JSON.parse(said) as { providers: Seen[] }).providers;
}

it('the preflight finds the pinned CLIs, tested, and the sandbox of codex at work', () => {
  // `npm run test:agents` has installed them.
  const bin = join(PROJECT, '.cache', 'agents', 'node_modules', '.bin');
  const ofPinned = () => see(bin).filter(({ id }) => IDS.includes(id));
  let seen = ofPinned();
  // Beside other suites a CLI may take longer to say its version than the preflight waits.
  for (let tries = 1; tries < 4 && seen.some((it) => it.version === null); tries += 1) {
    seen = ofPinned();
  }
  expect(seen).toMatchObject(
    IDS.map((id) => ({
      id,
      found: true,
      version: TESTED_CLIS[id]!.versions.at(-1),
      tested: true,
      credentials: { present: false },
      sandbox: id === 'codex' ? { kind: 'contained', works: true } : { kind: 'rules' },
      problems: [expect.stringMatching(/^It has no credentials; /)],
    })),
  );
  // They were not let near it.
  for (const name of ['.codex', '.claude', '.gemini', '.cache', '.local']) {
    expect(existsSync(join(home, name))).toBe(false);
  }
}, 900_000);
