import { assert, array, integer, property, uint8Array } from 'fast-check';
import { SmallestNames } from './smallest-names.js';

describe('the smallest of many names', () => {
  it('are those that come first when all are sorted', () => {
    assert(
      property(
        array(uint8Array({ minLength: 1, maxLength: 3 })),
        integer({ min: 1, max: 5 }),
        (all, most) => {
          const names = [...new Set(all.map((it) => Buffer.from(it).toString('latin1')))];
          const smallest = new SmallestNames(most);
          for (const name of names) smallest.add(Buffer.from(name, 'latin1'));
          const found = smallest.sorted().map((name) => name.toString('latin1'));
          expect(found).toEqual(names.sort().slice(0, most));
        },
      ),
    );
  });
});
