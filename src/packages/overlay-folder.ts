import type { Directory } from '../common/directory.js';
import { type Occupant, type OverlayPlacement, occupantOf } from './overlay-placement.js';
import type { Placed } from './package-types.js';

/** A name and what is to be put there. */
export interface Wanted {
  name: string;
  source: string;
}

/** What the server has put, or is about to put, at a name. */
export type NamedPlaced = Placed & { name: string };

export interface OverlayFolderState {
  /** `blocked`: something that is no folder stands in its place, and stays. */
  folder: Directory | 'absent' | 'blocked';
  /** What the manifest says; not believed without a look. */
  recorded: readonly NamedPlaced[];
  /** Recorded names that cannot be ours; they are only reported. */
  refused: readonly string[];
  wanted: readonly Wanted[];
}

/** One folder of a session whose entries an overlay manages: `repo/` or `external_packages/`. */
export class OverlayFolder {
  /** What is ours, or, before `fill`, may become so. For the manifest. */
  placed: NamedPlaced[] = [];
  private readonly notOurs: Set<string>;
  private absent: Wanted[] = [];
  private replaceable: Wanted[] = [];

  constructor(
    private readonly state: OverlayFolderState,
    private readonly placement: OverlayPlacement,
    private readonly signal?: AbortSignal,
  ) {
    this.notOurs = new Set(state.refused);
  }

  /** Names where something stands that is not ours, or that the manifest claims wrongly. */
  get collisions(): string[] {
    return [...this.notOurs];
  }

  /**
   * Removes what is ours and no longer wanted. A removal never follows a link. A record whose place
   * holds something else is passed over, and reported as a collision.
   */
  async removeUnwanted(): Promise<void> {
    const { folder, recorded, wanted } = this.state;
    if (typeof folder === 'object') await this.placement.removeUnfinished(folder, this.signal);
    const names = new Set(wanted.map(({ name }) => name));
    const stays = new Set(wanted.map(({ name, source }) => `${name}\0${source}`));
    for (const record of recorded) {
      this.signal?.throwIfAborted();
      if (stays.has(`${record.name}\0${record.source}`)) continue;
      const occupant = await this.occupant(record.name, record.source, record);
      const isOurs = occupant === 'our link' || occupant === 'our copy';
      if (isOurs && typeof folder === 'object') await folder.remove(record.name, this.signal);
      else if (occupant === 'foreign' && !names.has(record.name)) this.notOurs.add(record.name);
    }
  }

  /**
   * Looks at every wanted place.
   * @param replaceForeign what is not ours may be replaced
   * @returns whether `fill` has anything to do
   */
  async inspect(replaceForeign: boolean): Promise<boolean> {
    const { folder, recorded, wanted } = this.state;
    const records = new Map(recorded.map((record) => [record.name, record]));
    for (const entry of wanted) {
      this.signal?.throwIfAborted();
      const { name, source } = entry;
      const known = records.get(name);
      const record = known?.source === source ? known : undefined;
      const occupant = await this.occupant(name, source, record);
      const replaced = occupant === 'foreign' && replaceForeign && typeof folder === 'object';
      if (occupant === 'foreign' && !replaced) {
        this.notOurs.add(name);
        continue;
      }
      const isCopy = occupant === 'our copy' && record !== undefined;
      this.placed.push(isCopy ? record : { name, mode: 'symlink', source });
      if (occupant === 'nothing') this.absent.push(entry);
      if (replaced) this.replaceable.push(entry);
    }
    return this.absent.length + this.replaceable.length > 0;
  }

  /** Puts what is missing in place. @param save called when the manifest has to be written again */
  async fill(save: () => Promise<void>): Promise<void> {
    const { folder } = this.state;
    if (typeof folder !== 'object') return;
    for (const { name } of this.replaceable) {
      this.signal?.throwIfAborted();
      await folder.remove(name, this.signal);
    }
    for (const { name, source } of [...this.absent, ...this.replaceable]) {
      this.signal?.throwIfAborted();
      const placed = await this.placement.place(folder, name, source, {
        signal: this.signal,
        beforeCopy: async (copy) => {
          this.record(name, copy);
          await save();
        },
      });
      this.record(name, placed);
      if (placed === null) this.notOurs.add(name);
    }
  }

  private async occupant(
    name: string,
    source: string,
    record: Placed | undefined,
  ): Promise<Occupant> {
    const { folder } = this.state;
    if (typeof folder === 'object') return occupantOf(folder, name, source, record);
    return folder === 'blocked' ? 'foreign' : 'nothing';
  }

  private record(name: string, placed: Placed | null): void {
    const index = this.placed.findIndex((it) => it.name === name);
    if (placed === null) this.placed.splice(index, 1);
    else this.placed[index] = { name, ...placed };
  }
}
