import { stat } from 'node:fs/promises';
import { errnoOf } from '../common/errors.js';
import { readRegularFile } from '../common/regular-file.js';

/**
 * A file of the administrator that is read anew when it changes, also when another takes its place. While it
 * is missing or invalid, what it said last holds.
 */
export class WatchedFile<T> {
  private value: T | null = null;
  private seen = '';
  private looking: Promise<T | null> | null = null;
  private problem: string | null = null;

  /**
   * @param parse makes a value of its text, and the end of a sentence for everything that is wrong with it
   * @param onFault told once of each version that is invalid, with the end of a sentence
   * @param onChange told of each version that is valid
   */
  constructor(
    private readonly path: string,
    private readonly maxBytes: number,
    private readonly parse: (text: string, faults: string[]) => T,
    private readonly onFault: (fault: string) => void,
    private readonly onChange: () => void = () => undefined,
  ) {}

  /** What it says, or said when it was valid; null if it never was. */
  current(): Promise<T | null> {
    this.looking ??= this.look().finally(() => {
      this.looking = null;
    });
    return this.looking;
  }

  /** What is wrong with it now, as the end of a sentence; null if nothing is. */
  async fault(): Promise<string | null> {
    await this.current();
    return this.problem;
  }

  private async look(): Promise<T | null> {
    const mark = await markOf(this.path);
    if (mark === this.seen) return this.value;
    const faults: string[] = [];
    const value = await this.read(faults);
    // The mark was taken first: what changed since is seen the next time.
    this.seen = mark;
    this.problem = faults[0] ?? null;
    if (this.problem === null) {
      this.value = value;
      this.onChange();
    } else {
      this.onFault(this.problem);
    }
    return this.value;
  }

  private async read(faults: string[]): Promise<T | null> {
    try {
      const bytes = await readRegularFile(this.path, this.maxBytes, { followLink: true });
      if (bytes !== null) return this.parse(bytes.toString('utf8'), faults);
      faults.push('it is missing');
    } catch {
      faults.push(`it must be a readable file of at most ${this.maxBytes} bytes`);
    }
    return null;
  }
}

/** What changes with every change of a file. */
async function markOf(path: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].join(':');
  } catch (error) {
    return errnoOf(error) ?? 'unknown';
  }
}
