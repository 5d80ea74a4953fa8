import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NOBODY } from '../../test/support/nobody.js';
import { Directory } from '../common/directory.js';
import { bytesOnDisk } from './bytes-on-disk.js';

const MIB = 1024 * 1024;

let folder: string;
let repo: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'fermilink-bytes-'));
  repo = join(folder, 'repo');
  mkdirSync(repo);
});
afterEach(() => {
  execFileSync('chmod', ['-R', 'u+rwx', folder]);
  rmSync(folder, { recursive: true });
});

const fill = (name: string, bytes: number) =>
  writeFileSync(join(repo, name), Buffer.alloc(bytes, 1));

async function measured(): Promise<number | null> {
  const parent = await Directory.open(folder);
  try {
    return await bytesOnDisk(parent, 'repo');
  } finally {
    await parent.close();
  }
}

/** Whether a tree takes so many bytes, but for what a file system needs for names. */
async function expectBytes(bytes: number): Promise<void> {
  const found = (await measured())!;
  expect(found).toBeGreaterThanOrEqual(bytes);
  expect(found).toBeLessThan(bytes + 200_000);
}

describe('the bytes of a tree', () => {
  it('are those of all its files', async () => {
    fill('a', MIB);
    mkdirSync(join(repo, 'deep/er'), { recursive: true });
    fill('deep/er/b', MIB);
    fill('-n', MIB);
    fill('.hidden', MIB);
    await expectBytes(4 * MIB);
  });

  it('count hard links once, and sparse files as what they take', async () => {
    fill('a', MIB);
    for (let index = 0; index < 10; index += 1) linkSync(join(repo, 'a'), join(repo, `l${index}`));
    writeFileSync(join(repo, 'sparse'), 'x');
    truncateSync(join(repo, 'sparse'), 1e12);
    await expectBytes(MIB);
  });

  it('do not go through links', async () => {
    writeFileSync(join(folder, 'outside'), Buffer.alloc(8 * MIB, 1));
    symlinkSync('..', join(repo, 'up'));
    symlinkSync('/', join(repo, 'root'));
    symlinkSync('../outside', join(repo, 'file'));
    await expectBytes(0);
    rmSync(repo, { recursive: true });
    symlinkSync('/usr', repo);
    await expectBytes(0);
  });

  it('cannot be hidden in folders that are closed', async () => {
    const isRoot = process.geteuid!() === 0;
    if (isRoot) for (const place of [folder, repo]) chownSync(place, NOBODY, NOBODY);
    try {
      // Permissions say nothing to root.
      if (isRoot) process.seteuid!(NOBODY);
      mkdirSync(join(repo, 'closed/in'), { recursive: true });
      fill('closed/in/a', MIB);
      for (const name of ['closed/in', 'closed']) chmodSync(join(repo, name), 0);
      await expectBytes(MIB);
    } finally {
      if (isRoot) process.seteuid!(0);
    }
  });

  it('are found where paths are longer than any program takes', async () => {
    const script = `cd '${repo}'; for i in $(seq 60); do mkdir ${'d'.repeat(200)}; cd ${'d'.repeat(200)}; done; head -c ${MIB} /dev/zero | tr '\\0' x > f`;
    execFileSync('bash', ['-c', script]);
    const found = (await measured())!;
    execFileSync('rm', ['-rf', repo]);
    mkdirSync(repo);
    expect(found).toBeGreaterThan(MIB);
  });

  it('are unknown where there is nothing', async () => {
    rmSync(repo, { recursive: true });
    expect(await measured()).toBeNull();
    execFileSync('mkfifo', [repo]);
    await expectBytes(0);
  });
});
