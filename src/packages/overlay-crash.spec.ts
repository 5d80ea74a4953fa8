import {
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { PackagesFixture } from '../../test/support/packages.js';
import { signalThat } from '../../test/support/signals.js';
import type { Directory } from '../common/directory.js';
import { OverlayPlacement } from './overlay-placement.js';
import type { InstalledPackage } from './package-types.js';

/** As on a file system without symbolic links. */
class LinklessPlacement extends OverlayPlacement {
  protected override async link(): Promise<boolean> {
    throw Object.assign(new Error('no links here'), { code: 'EPERM' });
  }
}

/** The operations of a folder that change something. */
const CHANGES = ['remove', 'removeEmpty', 'createLink', 'rename', 'replaceFile', 'ensureSub'];

/** Lets only so many changes happen; then it is as if the server had died. */
class Fuse {
  constructor(private left: number) {}

  burn(): void {
    if (this.left <= 0) throw new Error('the server died');
    this.left -= 1;
  }

  guard(directory: Directory): Directory {
    return new Proxy(directory, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== 'function') return value;
        if (!CHANGES.includes(String(name))) return value.bind(target) as unknown;
        return async (...args: unknown[]) => {
          this.burn();
          const result: unknown = await Reflect.apply(value, target, args);
          return name === 'ensureSub' ? this.guard(result as Directory) : result;
        };
      },
    });
  }
}

/** A signal that is aborted at its k-th look. */
function abortedAtLook(count: number): AbortSignal {
  let left = count;
  return signalThat(() => {
    if (left <= 0) throw new Error('stopped');
    left -= 1;
  });
}

describe.each([
  ['links', new OverlayPlacement()],
  ['copies', new LinklessPlacement()],
])('an overlay of %s that is interrupted', (_, placement) => {
  let fixture: PackagesFixture;
  let old: InstalledPackage;
  let next: InstalledPackage;

  beforeAll(async () => {
    fixture = new PackagesFixture();
    await fixture.install('lib', ['deep/x']);
    await fixture.install('other', ['x']);
    await fixture.install('third', ['x']);
    old = await fixture.install('old', ['same/deep', 'only-old/x', 'taken'], ['lib', 'other']);
    next = await fixture.install('next', ['same/deep', 'only-next/x', 'taken'], ['other', 'third']);
  });
  afterAll(() => fixture.dispose());

  const begin = async () => {
    await fixture.openSession();
    writeFileSync(inRepo('taken'), 'mine');
    await fixture.overlays(placement).apply(request(old));
    writeFileSync(inRepo('mine'), 'mine');
    // What a crash in the middle of a copy leaves.
    fixture.folder('session/repo/.fermilink-unfinished-copy/half');
  };

  const inRepo = (...path: string[]) => join(fixture.repoPath, ...path);
  const request = (pkg: InstalledPackage) => ({
    repo: fixture.repo,
    workspace: fixture.workspace,
    pkg,
    freshRepo: false,
  });

  /** Everything that looks like ours is recorded as ours. */
  const checkRecords = () => {
    const manifest = fixture.manifest();
    const known = manifest.linked_entries.map((it: { name: string }) => it.name);
    const dependencies = manifest.linked_dependency_packages.map(
      (it: { package_id: string }) => it.package_id,
    );
    const hidden = (name: string) => !name.startsWith('.fermilink-');
    const foreign = ['taken', 'mine', 'external_packages'];
    const ours = fixture.inRepo().filter((name) => hidden(name) && !foreign.includes(name));
    expect(known).toEqual(expect.arrayContaining(ours));
    const external = inRepo('external_packages');
    const linked = existsSync(external) ? readdirSync(external).filter(hidden) : [];
    expect(dependencies).toEqual(expect.arrayContaining(linked));
  };

  const contentOf = (path: string) => readFileSync(inRepo(path), 'utf8');
  const checkEnd = () => {
    expect(fixture.inRepo()).toEqual(['external_packages', 'mine', 'only-next', 'same', 'taken']);
    expect(readdirSync(inRepo('external_packages')).sort()).toEqual(['other', 'third']);
    expect([contentOf('mine'), contentOf('taken')]).toEqual(['mine', 'mine']);
    expect(contentOf('same/deep')).toBe('installed/next/same/deep');
    expect(contentOf('external_packages/third/x')).toBe('installed/third/x');
    expect(fixture.manifest()).toMatchObject({ package_id: 'next', collisions: ['taken'] });
    checkRecords();
    for (const { id, path } of [old, next]) {
      expect(readFileSync(join(path, 'same/deep'), 'utf8')).toBe(`installed/${id}/same/deep`);
    }
    for (const { name, mode, source } of fixture.manifest().linked_entries) {
      const stats = lstatSync(inRepo(name as string));
      expect(stats.isSymbolicLink()).toBe(mode === 'symlink');
      if (mode === 'symlink') expect(readlinkSync(inRepo(name as string))).toBe(source);
    }
  };

  /** Interrupts at the first, second, third… moment, until one comes that is never reached. */
  const atEveryMoment = async (interrupted: (moment: number) => Promise<unknown>) => {
    let moment = 0;
    for (let finished = false; !finished; moment += 1) {
      expect(moment).toBeLessThan(200);
      await begin();
      finished = await interrupted(moment).then(
        () => true,
        () => false,
      );
      checkRecords();
      await fixture.overlays(placement).apply(request(next));
      checkEnd();
    }
    return moment;
  };

  it('by the death of the server between two changes is put right by the next run', async () => {
    const moments = await atEveryMoment((moment) => {
      const fuse = new Fuse(moment);
      return fixture.overlays(placement).apply({
        ...request(next),
        repo: fuse.guard(fixture.repo),
        workspace: fuse.guard(fixture.workspace),
      });
    });
    expect(moments).toBeGreaterThan(10);
  });

  it('by a cancel is put right by the next run', async () => {
    const moments = await atEveryMoment((moment) =>
      fixture.overlays(placement).apply({ ...request(next), signal: abortedAtLook(moment) }),
    );
    expect(moments).toBeGreaterThan(10);
  });

  it('passes on the reason of a cancel', async () => {
    await begin();
    const reason = new Error('cancelled');
    const signal = AbortSignal.abort(reason);
    await expect(fixture.overlays(placement).apply({ ...request(next), signal })).rejects.toBe(
      reason,
    );
  });
});
