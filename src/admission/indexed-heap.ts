/** An element of an `IndexedHeap` remembers where it is, so that it can be taken out of the middle. */
export interface HeapElement {
  heapIndex: number;
}

/** `heapIndex` of an element that is in no heap. */
export const NOT_IN_HEAP = -1;

/** A binary heap with the smallest element on top; every change costs O(log n). */
export class IndexedHeap<T extends HeapElement> {
  private readonly elements: T[] = [];

  /** @param before whether the first of two elements comes before the second */
  constructor(private readonly before: (a: T, b: T) => boolean) {}

  /** How many elements there are. */
  get size(): number {
    return this.elements.length;
  }

  /** The element on top, which stays; undefined for an empty heap. */
  peek(): T | undefined {
    return this.elements[0];
  }

  /** Adds an element that is in no heap. */
  add(element: T): void {
    this.elements.push(element);
    this.moveUp(element, this.elements.length - 1);
  }

  /** Takes an element out; does nothing if it is not in the heap. */
  remove(element: T): void {
    const index = element.heapIndex;
    if (index === NOT_IN_HEAP) return;
    element.heapIndex = NOT_IN_HEAP;
    const last = this.elements.pop()!;
    if (last === element) return;
    last.heapIndex = index;
    this.elements[index] = last;
    this.update(last);
  }

  /** Puts an element, whose order has changed, in its right place. */
  update(element: T): void {
    this.moveUp(element, element.heapIndex);
    this.moveDown(element, element.heapIndex);
  }

  private moveUp(element: T, from: number): void {
    let index = from;
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = this.elements[parentIndex]!;
      if (!this.before(element, parent)) break;
      this.put(parent, index);
      index = parentIndex;
    }
    this.put(element, index);
  }

  private moveDown(element: T, from: number): void {
    let index = from;
    for (;;) {
      let childIndex = 2 * index + 1;
      let child = this.elements[childIndex];
      if (child === undefined) break;
      const right = this.elements[childIndex + 1];
      if (right !== undefined && this.before(right, child)) {
        child = right;
        childIndex += 1;
      }
      if (!this.before(child, element)) break;
      this.put(child, index);
      index = childIndex;
    }
    this.put(element, index);
  }

  private put(element: T, index: number): void {
    this.elements[index] = element;
    element.heapIndex = index;
  }
}
