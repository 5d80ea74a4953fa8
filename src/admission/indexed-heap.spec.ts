import fc from 'fast-check';
import { IndexedHeap, NOT_IN_HEAP } from './indexed-heap.js';

interface Item {
  heapIndex: number;
  order: number;
}

describe('IndexedHeap', () => {
  it('has the smallest element on top after any additions, removals and changes', () => {
    const order = fc.integer({ min: 0, max: 500 });
    // A deep heap from the start: only there does an element from the bottom belong further up elsewhere.
    const first = fc.array(order, { maxLength: 60 });
    const step = fc.record({
      do: fc.constantFrom('add', 'add', 'remove', 'change'),
      at: fc.nat(),
      order,
    });
    fc.assert(
      fc.property(first, fc.array(step, { maxLength: 100 }), (orders, steps) => {
        const heap = new IndexedHeap<Item>((a, b) => a.order < b.order);
        const items: Item[] = orders.map((order) => ({ heapIndex: NOT_IN_HEAP, order }));
        items.forEach((item) => heap.add(item));
        for (const { do: action, at, order } of steps) {
          const index = at % Math.max(items.length, 1);
          const item = items[index];
          if (action === 'add' || item === undefined) {
            const added = { heapIndex: NOT_IN_HEAP, order };
            items.push(added);
            heap.add(added);
          } else if (action === 'remove') {
            items.splice(index, 1);
            heap.remove(item);
            heap.remove(item);
            expect(item.heapIndex).toBe(NOT_IN_HEAP);
          } else {
            item.order = order;
            heap.update(item);
          }
          expect(heap.size).toBe(items.length);
          expect(heap.peek()?.order).toBe(
            items.length === 0 ? undefined : Math.min(...items.map((i) => i.order)),
          );
        }
        const drained: number[] = [];
        for (let top = heap.peek(); top !== undefined; top = heap.peek()) {
          drained.push(top.order);
          heap.remove(top);
        }
        expect(drained).toEqual(items.map((item) => item.order).sort((a, b) => a - b));
      }),
      { numRuns: 1_000 },
    );
  });
});
