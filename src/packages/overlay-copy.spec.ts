import { execFileSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { PackagesFixture } from '../../test/support/packages.js';
import { signalThat } from '../../test/support/signals.js';
import { OverlayPlacement } from './overlay-placement.js';
import type { InstalledPackage } from './package-types.js';

class FailingPlacement extends OverlayPlacement {
  constructor(private readonly code: string) {
    super();
  }
  protected override async link(): Promise<boolean> {
    throw Object.assign(new Error('no'), { code: this.code });
  }
}

describe('an overlay where links are impossible', () => {
  let fixture: PackagesFixture;
  beforeEach(async () => {
    fixture = await new PackagesFixture().openSession();
  });
  afterEach(() => fixture.dispose());

  const apply = (pkg: InstalledPackage, code = 'EPERM', freshRepo = false) =>
    fixture
      .overlays(new FailingPlacement(code))
      .apply({ repo: fixture.repo, workspace: fixture.workspace, pkg, freshRepo });
  const inRepo = (...path: string[]) => join(fixture.repoPath, ...path);

  it.each(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'])('copies after %s', async (code) => {
    const lib = await fixture.install('lib', ['deep/y']);
    const tool = await fixture.install('tool', ['a', 'src/deep/x'], ['lib']);
    const summary = await apply(tool, code);
    expect(readFileSync(inRepo('src/deep/x'), 'utf8')).toBe('installed/tool/src/deep/x');
    expect(readFileSync(inRepo('external_packages/lib/deep/y'), 'utf8')).toContain('lib');
    expect(lstatSync(inRepo('a')).isFile()).toBe(true);
    expect(summary).toMatchObject({ linked_count: 2, linked_dependency_count: 1, collisions: [] });
    expect(fixture.manifest().linked_entries).toEqual(
      ['a', 'src'].map((name) => ({
        name,
        mode: 'copy',
        source: join(tool.path, name),
        identity: expect.any(String),
      })),
    );
    expect(fixture.manifest().linked_dependency_packages).toEqual([
      { package_id: 'lib', mode: 'copy', source: lib.path, identity: expect.any(String) },
    ]);
    // The next run knows them again and leaves them be, with what has been done to them.
    writeFileSync(inRepo('src/mine'), 'mine');
    expect(await apply(tool, code)).toEqual(summary);
    expect(existsSync(inRepo('src/mine'))).toBe(true);
    // Another package: they go.
    await apply(lib, code);
    expect(fixture.inRepo()).toEqual(['deep']);
  });

  it.each(['EACCES', 'EIO'])('is refused after %s, which means something else', async (code) => {
    const tool = await fixture.install('tool', ['a']);
    await expect(apply(tool, code)).rejects.toMatchObject({ code: 'overlay_refused' });
    expect(fixture.inRepo()).toEqual([]);
  });

  it('says disk_full after ENOSPC', async () => {
    const tool = await fixture.install('tool', ['a']);
    await expect(apply(tool, 'ENOSPC')).rejects.toMatchObject({ code: 'disk_full' });
  });

  it('never copies through a link, nor waits on what is no file', async () => {
    const outside = fixture.folder('outside', ['secret']);
    const tool = await fixture.install('tool', ['src/x']);
    symlinkSync(outside, join(tool.path, 'src/out'));
    symlinkSync('..', join(tool.path, 'src/loop'));
    symlinkSync(outside, join(tool.path, 'top'));
    execFileSync('mkfifo', [join(tool.path, 'src/fifo'), join(tool.path, 'pipe')]);
    const summary = await apply(tool);
    expect(readdirSync(inRepo('src'))).toEqual(['x']);
    expect(summary).toMatchObject({ linked_count: 1, collisions: ['pipe', 'top'] });
    expect(fixture.inRepo()).toEqual(['src']);
  });

  it('never copies into what takes the place of its unfinished copy', async () => {
    const tool = await fixture.install('tool', ['data/1', 'data/2']);
    const outside = fixture.folder('outside');
    const unfinished = inRepo('.fermilink-unfinished-copy');
    const signal = signalThat(() => {
      if (!existsSync(unfinished)) return;
      rmSync(unfinished, { recursive: true });
      symlinkSync(outside, unfinished);
    });
    const overlays = fixture.overlays(new FailingPlacement('EPERM'));
    const request = { repo: fixture.repo, workspace: fixture.workspace, pkg: tool };
    await expect(overlays.apply({ ...request, freshRepo: false, signal })).rejects.toThrow();
    expect(readdirSync(outside)).toEqual([]);
    expect((await apply(tool)).linked_count).toBe(1);
  });

  it('does not take a new folder for its copy where that has been removed', async () => {
    const tool = await fixture.install('tool', ['data/x']);
    await apply(tool);
    // The number of the removed folder is mostly given to the next one.
    rmSync(inRepo('data'), { recursive: true });
    mkdirSync(inRepo('data'));
    writeFileSync(inRepo('data/mine'), 'mine');
    expect((await apply({ ...tool, overlayEntries: ['none'] })).collisions).toEqual(['data']);
    expect(readFileSync(inRepo('data/mine'), 'utf8')).toBe('mine');
  });

  it('copies an entry with the longest name there can be', async () => {
    const tool = await fixture.install('tool', ['n'.repeat(255)]);
    expect(await apply(tool)).toMatchObject({ linked_count: 1 });
    expect(fixture.inRepo()).toEqual(['n'.repeat(255)]);
  });

  it('replaces what the template brought into a fresh repo', async () => {
    const tool = await fixture.install('tool', ['a/x']);
    fixture.folder('session/repo/a', ['template']);
    expect(await apply(tool, 'EPERM', true)).toMatchObject({ linked_count: 1, collisions: [] });
    expect(readdirSync(inRepo('a'))).toEqual(['x']);
  });

  it('stops in the middle of a copy', async () => {
    const tool = await fixture.install('tool', ['data/1', 'data/2', 'data/3', 'data/4']);
    let looks = 0;
    const signal = signalThat(() => {
      looks += 1;
      if (looks > 4) throw new Error('stopped');
    });
    const overlays = fixture.overlays(new FailingPlacement('EPERM'));
    const request = { repo: fixture.repo, workspace: fixture.workspace, pkg: tool };
    await expect(overlays.apply({ ...request, freshRepo: false, signal })).rejects.toThrow(
      'stopped',
    );
    expect(existsSync(inRepo('data'))).toBe(false);
    await apply(tool);
    expect(fixture.inRepo()).toEqual(['data']);
    expect(readdirSync(inRepo('data'))).toHaveLength(4);
  });
});
