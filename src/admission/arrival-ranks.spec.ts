import fc from 'fast-check';
import { type Arrival, ArrivalRanks } from './arrival-ranks.js';

describe('ArrivalRanks', () => {
  it('counts places by arrival, through every renumbering', () => {
    // Batches that pass the initial capacity several times over, with ever other gaps.
    const batch = fc.record({ add: fc.integer({ min: 0, max: 900 }), keepOneIn: fc.nat(5) });
    fc.assert(
      fc.property(fc.array(batch, { maxLength: 12 }), (batches) => {
        const ranks = new ArrivalRanks<Arrival>();
        let present: Arrival[] = [];
        let misplaced = 0;
        for (const { add, keepOneIn } of batches) {
          for (let i = 0; i < add; i += 1) {
            const member = { arrival: 0 };
            present.push(member);
            ranks.add(member);
            // Looked at after each one: a fault where the numbers run out is gone with the next arrival.
            if (ranks.rank(member) !== present.length) misplaced += 1;
          }
          expect(misplaced).toBe(0);
          const kept = (index: number) => keepOneIn !== 0 && index % keepOneIn === 0;
          present.filter((_, index) => !kept(index)).forEach((member) => ranks.remove(member));
          present = present.filter((_, index) => kept(index));
          expect(ranks.size).toBe(present.length);
          expect(present.map((member) => ranks.rank(member))).toEqual(present.map((_, i) => i + 1));
        }
      }),
      { numRuns: 50 },
    );
  });
});
