import type { Directory } from '../common/directory.js';
import { type OverlayPlacement, occupantOf } from './overlay-placement.js';
import type { Placed } from './package-types.js';

/** A name and what is to be put there. */
export interface Wanted {
  name: string;
  source: string;
}

/** What the server has put, or is about to put, at a name. */
export type NamedPlaced = Placed & { name: string };

/** One folder of a session whose entries an overlay manages: `repo/` or `external_packages/`. */
export class OverlayFolder {
  /** What is ours, or, before `fill`, may become so. For the manifest. */
  placed: NamedPlaced[] = [];
  /** Names where something stands that is not ours. */
  collisions: string[] = [];
  private absent: Wanted[] = [];
  private replaceable: Wanted[] = [];

  /**
   * @param folder null if nothing can be put there, since the place itself is not ours
   * @param recorded what the manifest says; not believed without a look
   */
  constructor(
    private readonly folder: Directory | null,
    private readonly recorded: readonly NamedPlaced[],
    private readonly wanted: readonly Wanted[],
    private readonly placement: OverlayPlacement,
    private readonly checkStop: () => void,
  ) {}

  /**
   * Removes what is ours and no longer wanted. A removal never follows a link. A record whose place
   * holds something else is passed over, and reported as a collision.
   */
  async removeUnwanted(): Promise<void> {
    if (this.folder === null) return;
    const names = new Set(this.wanted.map(({ name }) => name));
    const stays = new Set(this.wanted.map(({ name, source }) => `${name}\0${source}`));
    for (const record of this.recorded) {
      this.checkStop();
      if (stays.has(`${record.name}\0${record.source}`)) continue;
      const occupant = await occupantOf(this.folder, record.name, record.source, record);
      if (occupant === 'ours') await this.folder.remove(record.name);
      else if (occupant === 'foreign' && !names.has(record.name)) this.collisions.push(record.name);
    }
  }

  /**
   * Looks at every wanted place.
   * @param replaceForeign what is not ours may be replaced
   * @returns whether `fill` has anything to do
   */
  async inspect(replaceForeign: boolean): Promise<boolean> {
    for (const wanted of this.wanted) {
      const { name, source } = wanted;
      const record = this.recorded.find((it) => it.name === name && it.source === source);
      const occupant =
        this.folder === null ? 'foreign' : await occupantOf(this.folder, name, source, record);
      if (occupant === 'ours' && record?.mode === 'copy') this.placed.push(record);
      else if (occupant !== 'foreign' || replaceForeign)
        this.placed.push({ name, mode: 'symlink', source });
      if (occupant === 'nothing') this.absent.push(wanted);
      if (occupant === 'foreign') {
        if (replaceForeign && this.folder !== null) this.replaceable.push(wanted);
        else this.collisions.push(name);
      }
    }
    return this.absent.length + this.replaceable.length > 0;
  }

  /** Puts what is missing in place. @param save called when the manifest has to be written again */
  async fill(save: () => Promise<void>): Promise<void> {
    const { folder } = this;
    if (folder === null) return;
    for (const { name } of this.replaceable) {
      this.checkStop();
      await folder.remove(name);
    }
    for (const { name, source } of [...this.absent, ...this.replaceable]) {
      this.checkStop();
      const placed = await this.placement.place(folder, name, source, async (copy) => {
        this.record(name, copy);
        await save();
      });
      this.record(name, placed);
      if (placed === null) this.collisions.push(name);
    }
  }

  private record(name: string, placed: Placed | null): void {
    const index = this.placed.findIndex((it) => it.name === name);
    if (placed === null) this.placed.splice(index, 1);
    else this.placed[index] = { name, ...placed };
  }
}
