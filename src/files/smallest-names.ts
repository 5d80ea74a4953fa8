/** Keeps the smallest of many names, by their bytes, in memory for so many. */
export class SmallestNames {
  private names: Buffer[] = [];
  private largest: Buffer | null = null;

  constructor(private readonly most: number) {}

  /** Looks at one more name. */
  add(name: Buffer): void {
    if (this.largest !== null && Buffer.compare(name, this.largest) >= 0) return;
    this.names.push(name);
    // As often as this is, a name costs O(log n) on average.
    if (this.names.length >= 2 * this.most) this.cut();
  }

  /** Those that are left, in their order. */
  sorted(): Buffer[] {
    this.cut();
    return this.names;
  }

  private cut(): void {
    this.names.sort((a, b) => Buffer.compare(a, b));
    this.names = this.names.slice(0, this.most);
    if (this.names.length === this.most) this.largest = this.names.at(-1)!;
  }
}
