import { appendFileSync, readFileSync } from 'node:fs';

/** How far two entries are apart at least, in bytes of the log. */
const STEP_BYTES = 1024 * 1024;

/** Where an event begins. */
export interface IndexEntry {
  id: number;
  offset: number;
}

const BEGINNING: IndexEntry = { id: 1, offset: 0 };

/**
 * The places of some events of a log, a mebibyte apart, so that a reader who comes late finds his own
 * without reading all that lies before it. It is written beside the log, one line an entry, and only
 * helps: an index that is lost or damaged costs time, never an event.
 */
export class LogIndex {
  private entries: IndexEntry[] | null;

  private constructor(
    private readonly path: string,
    entries: IndexEntry[] | null,
  ) {
    this.entries = entries;
  }

  /** The index of a new log. */
  static create(path: string): LogIndex {
    return new LogIndex(path, [BEGINNING]);
  }

  /** The index of a log that is there already; read when it is first needed. */
  static open(path: string): LogIndex {
    return new LogIndex(path, null);
  }

  /** Notes where an event begins, if the last entry is far enough behind. */
  note(id: number, offset: number): void {
    const entries = this.loaded();
    if (offset - entries.at(-1)!.offset < STEP_BYTES) return;
    entries.push({ id, offset });
    try {
      appendFileSync(this.path, `${id} ${offset}\n`, { mode: 0o600 });
    } catch {
      // The log itself will say what is wrong with the disk.
    }
  }

  /** The last entry that does not lie behind an event, within a log of `size` bytes. */
  before(id: number, size: number): IndexEntry {
    const entries = this.loaded();
    let [low, high] = [0, entries.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      const entry = entries[middle]!;
      if (entry.id <= id && entry.offset < size) low = middle;
      else high = middle - 1;
    }
    return entries[low]!;
  }

  private loaded(): IndexEntry[] {
    this.entries ??= [BEGINNING, ...readEntries(this.path)];
    return this.entries;
  }
}

/** Entries as far as they grow from line to line; what follows a damaged line is not believed. */
function readEntries(path: string): IndexEntry[] {
  let text: string;
  try {
    text = readFileSync(path, 'latin1');
  } catch {
    // A log without an index is read all the same.
    return [];
  }
  const entries: IndexEntry[] = [];
  let last = BEGINNING;
  for (const line of text.split('\n').slice(0, -1)) {
    const match = /^(\d{1,15}) (\d{1,15})$/.exec(line);
    if (match === null) break;
    const entry = { id: Number(match[1]), offset: Number(match[2]) };
    if (entry.id <= last.id || entry.offset <= last.offset) break;
    entries.push(entry);
    last = entry;
  }
  return entries;
}
