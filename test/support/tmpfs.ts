import { execFileSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  rmdirSync,
  statfsSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

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
    return new Tmpfs(path);
  }

  get freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.path);
    return bavail * bsize;
  }

  /** Fills it but for so many bytes, a multiple of a page. */
  fill(leaveBytes = 0): void {
    this.empty();
    const fd = openSync(this.filler, 'wx');
    try {
      for (let left = this.freeBytes - leaveBytes; left > 0;) {
        left -= writeSync(fd, Buffer.alloc(Math.min(left, 1 << 20)));
      }
    } finally {
      closeSync(fd);
    }
    if (this.freeBytes !== leaveBytes) throw new Error(`${this.freeBytes} bytes are free`);
  }

  /** Gives back what `fill` has taken. */
  empty(): void {
    if (existsSync(this.filler)) unlinkSync(this.filler);
  }

  unmount(): void {
    execFileSync('umount', ['-l', this.path]);
    rmdirSync(this.path);
  }

  private get filler(): string {
    return join(this.path, 'filler');
  }
}
