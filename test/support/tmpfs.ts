import { execFileSync } from 'node:child_process';
import {
  closeSync,
  mkdtempSync,
  openSync,
  rmdirSync,
  rmSync,
  statfsSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const MIB = 1024 * 1024;

/** Those that a test has not unmounted: it failed. */
const mounted = new Set<Tmpfs>();
afterAll(() => {
  for (const disk of mounted) disk.unmount();
});

/** A small file system of its own, to be filled by a test. Needs root. */
export class Tmpfs {
  private constructor(readonly path: string) {}

  /** @throws {Error} where nothing may be mounted: a test of a full disk that has no disk has failed */
  static mount(bytes: number): Tmpfs {
    const path = mkdtempSync(join(tmpdir(), 'fermilink-disk-'));
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', path], {
        stdio: 'pipe',
      });
    } catch (cause) {
      rmdirSync(path);
      throw new Error('a tmpfs could not be mounted: run this test as root, with CAP_SYS_ADMIN', {
        cause,
      });
    }
    const disk = new Tmpfs(path);
    mounted.add(disk);
    return disk;
  }

  get freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.path);
    return bavail * bsize;
  }

  /**
   * Fills it but for so many bytes, a multiple of a page. Others may write to it meanwhile, if nothing
   * is to be left.
   */
  fill(leaveBytes = 0): void {
    this.empty();
    const fd = openSync(this.filler, 'wx');
    try {
      for (;;) {
        const left = this.freeBytes - leaveBytes;
        if (left === 0) return;
        if (left < 0) throw new Error(`only ${this.freeBytes} bytes are free`);
        write(fd, Math.min(left, MIB));
      }
    } finally {
      closeSync(fd);
    }
  }

  /** Gives back what `fill` has taken. */
  empty(): void {
    rmSync(this.filler, { force: true });
  }

  unmount(): void {
    execFileSync('umount', ['-l', this.path]);
    rmdirSync(this.path);
    mounted.delete(this);
  }

  private get filler(): string {
    return join(this.path, 'filler');
  }
}

/** Writes as many of some bytes as there is room for. */
function write(fd: number, bytes: number): void {
  try {
    writeSync(fd, Buffer.alloc(bytes));
  } catch (error) {
    // Somebody else took the room that there was.
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  }
}
