import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const mounted = new Set<string>();
afterAll(() => {
  for (const path of mounted) unmount(path);
});

/** A disk of its own that a test can fill: a tmpfs. */
export class SmallDisk {
  private constructor(readonly path: string) {}

  /** @throws where the system lets nobody mount: then what the test is for cannot be shown here */
  static mount(path: string, mebibytes: number): SmallDisk {
    mkdirSync(path, { recursive: true });
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'tmpfs', path]);
    } catch (cause) {
      throw new Error(
        'A tmpfs could not be mounted, so no disk can be filled: the test needs root with CAP_SYS_ADMIN.',
        { cause },
      );
    }
    mounted.add(path);
    return new SmallDisk(path);
  }

  get freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.path);
    return bavail * bsize;
  }

  /** Takes all that is free; the last write fails with ENOSPC, else this does. */
  fill(): void {
    const fd = openSync(this.ballast, 'a');
    try {
      // Ever smaller pieces, until not a byte goes in.
      for (let size = 1024 * 1024; size >= 1; size = Math.floor(size / 16)) {
        const piece = Buffer.alloc(size, 'b');
        try {
          for (;;) writeSync(fd, piece);
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
        }
      }
    } finally {
      closeSync(fd);
    }
  }

  free(): void {
    rmSync(this.ballast, { force: true });
  }

  unmount(): void {
    unmount(this.path);
  }

  private get ballast(): string {
    return join(this.path, 'ballast');
  }
}

function unmount(path: string): void {
  execFileSync('umount', ['-l', path]);
  mounted.delete(path);
}
