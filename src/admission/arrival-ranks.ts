const INITIAL_CAPACITY = 1024;

/** Something that arrived; its number grows with the time of arrival, and may be changed by a renumbering. */
export interface Arrival {
  arrival: number;
}

/**
 * The place of each waiter among all waiters, by arrival. A Fenwick tree counts the arrivals that are
 * still there; when its numbers run out, those that are left are numbered anew, which is paid for by
 * the arrivals in between: O(log n) for every operation, amortised.
 */
export class ArrivalRanks<T extends Arrival> {
  /** One-based: `counts[i]` covers the last `i & -i` numbers up to `i`. */
  private counts = new Int32Array(INITIAL_CAPACITY + 1);
  private members: (T | undefined)[] = [];
  private live = 0;

  /** How many wait. */
  get size(): number {
    return this.live;
  }

  /** Adds a waiter behind all others. */
  add(member: T): void {
    if (this.members.length + 1 >= this.counts.length) this.renumber();
    this.members.push(member);
    member.arrival = this.members.length;
    this.change(member.arrival, 1);
    this.live += 1;
  }

  /** Takes out a waiter that was added; those behind it move up. */
  remove(member: T): void {
    this.members[member.arrival - 1] = undefined;
    this.change(member.arrival, -1);
    this.live -= 1;
    if (this.live === 0) this.members = [];
  }

  /** The place of a waiter, from 1. */
  rank(member: T): number {
    let sum = 0;
    for (let i = member.arrival; i > 0; i -= i & -i) sum += this.counts[i]!;
    return sum;
  }

  private change(at: number, by: number): void {
    for (let i = at; i < this.counts.length; i += i & -i) this.counts[i]! += by;
  }

  private renumber(): void {
    const left = this.members.filter((member) => member !== undefined);
    const capacity = Math.max(INITIAL_CAPACITY, 2 ** Math.ceil(Math.log2(left.length * 2 + 1)));
    this.counts = new Int32Array(capacity + 1);
    this.members = left;
    // The order stays the same, so heaps that are ordered by arrival stay in order.
    left.forEach((member, index) => (member.arrival = index + 1));
    for (let i = 1; i <= capacity; i += 1) {
      this.counts[i]! += i <= left.length ? 1 : 0;
      const parent = i + (i & -i);
      if (parent <= capacity) this.counts[parent]! += this.counts[i]!;
    }
  }
}
