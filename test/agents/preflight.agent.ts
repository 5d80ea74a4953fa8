import { execFileSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { PROJECT, temporaryFolder } from '../support/runner.js';
import { AGENT_CLIS, AGENT_IDS, pinnedVersion } from './clis.js';

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
  const ofPinned = () => see(bin).filter(({ id }) => AGENT_IDS.some((it) => it === id));
  let seen = ofPinned();
  // Beside other suites a CLI may take longer to say its version than the preflight waits.
  for (let tries = 1; tries < 4 && seen.some((it) => it.version === null); tries += 1) {
    seen = ofPinned();
  }
  expect(seen).toMatchObject(
    AGENT_IDS.map((id) => ({
      id,
      found: true,
      version: pinnedVersion(AGENT_CLIS[id]),
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
