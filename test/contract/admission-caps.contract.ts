import type { AdmissionFixture } from './admission-fixture.js';

/** Tickets that the caps see in another light. */
export function describeCaps(on: AdmissionFixture): void {
  describe('a ticket that comes instead of others', () => {
    it('finds the places in the queue free that they leave', async () => {
      await on.limitedTo({ globalConcurrentRuns: 1, maxQueueSize: 2 });
      for (const id of ['run', 'a', 'b']) await on.enqueue(id, `user-of-${id}`);
      expect((await on.refusalOf(on.enqueue('c', 'cyd'))).code).toBe('queue_full');
      const placement = await on.enqueue('c', 'cyd', 's', { instead: ['a'] });
      expect(placement.position).toBe(3);
      // They are still there: whoever wants them gone has to release them.
      expect(await on.admission.position('a')).toBe(1);
      await on.admission.release('a');
      expect(await on.admission.position('c')).toBe(2);
    });

    it('finds the places free that its own user leaves, and no others', async () => {
      await on.limitedTo({ globalConcurrentRuns: 1, maxPendingPerUser: 1 });
      for (const user of ['zoe', 'ann', 'bob']) await on.enqueue(`of-${user}`, user);
      const attempt = (instead: string[]) => on.enqueue('next', 'ann', 's', { instead });
      expect((await on.refusalOf(attempt(['of-bob']))).code).toBe('user_queue_full');
      expect((await attempt(['of-ann'])).position).toBe(3);
    });

    it('finds room in the queue that a waiter leaves who gets their slot', async () => {
      await on.limitedTo({ globalConcurrentRuns: 1, maxQueueSize: 1 });
      await on.enqueue('a', 'ann', 's');
      const first = await on.enqueue('b', 'bob');
      const placement = await on.enqueue('c', 'ann', 's', { instead: ['a'] });
      expect(placement.position).toBe(2);
      // The slot is not free before its holder is released, and goes to who came first.
      expect(await on.totals()).toEqual({ activeTotal: 1, pendingTotal: 2 });
      await on.admission.release('a');
      expect(await first.granted).toBe(true);
      expect(await on.admission.position('c')).toBe(1);
    });

    it('needs no place in a full queue where it gets their slot itself', async () => {
      await on.limitedTo({ perUserConcurrentRuns: 1, maxQueueSize: 1 });
      await on.enqueue('a', 'ann', 's');
      await on.enqueue('b', 'bob');
      await on.enqueue('c', 'bob');
      const placement = await on.enqueue('d', 'ann', 's', { instead: ['a'] });
      await on.admission.release('a');
      expect(await placement.granted).toBe(true);
      expect(await on.admission.position('c')).toBe(1);
    });

    it.each([
      [['bob', 'ann'], false],
      [['ann', 'bob'], true],
    ])('counts their slot for the user who gets it, of %j', async (waiting, isTaken) => {
      await on.limitedTo({ globalConcurrentRuns: 1, maxPendingPerUser: 1 });
      await on.enqueue('a', 'ann', 's');
      for (const user of waiting) await on.enqueue(`of-${user}`, user);
      const attempt = on.enqueue('b', 'ann', 's', { instead: ['a'] });
      if (isTaken) expect((await attempt).position).toBe(3);
      else expect((await on.refusalOf(attempt)).code).toBe('user_queue_full');
    });

    it('gains nothing by runs that are not there', async () => {
      await on.limitedTo({ globalConcurrentRuns: 1, maxQueueSize: 1 });
      await on.enqueue('gone');
      await on.admission.release('gone');
      await on.enqueue('a');
      await on.enqueue('b');
      const attempt = on.enqueue('c', 'cyd', 's', { instead: ['gone', 'nobody'] });
      expect((await on.refusalOf(attempt)).code).toBe('queue_full');
    });
  });

  describe('a ticket that returns', () => {
    it('is refused by no cap, and counts in them like any other', async () => {
      await on.limitedTo({ globalConcurrentRuns: 1, maxQueueSize: 2, maxPendingPerUser: 1 });
      await on.enqueue('a', 'ann');
      const isReturning = true;
      for (const [index, id] of ['b', 'c', 'd'].entries()) {
        const placement = await on.enqueue(id, 'ann', `of-${id}`, { isReturning });
        expect(placement.position).toBe(index + 1);
      }
      expect(await on.totals()).toEqual({ activeTotal: 1, pendingTotal: 3 });
      expect((await on.refusalOf(on.enqueue('e', 'bob'))).code).toBe('queue_full');
      await on.admission.release('b');
      await on.admission.release('c');
      expect((await on.refusalOf(on.enqueue('e', 'ann'))).code).toBe('user_queue_full');
      expect((await on.enqueue('e', 'bob')).position).toBe(2);
    });

    it('starts no sooner than the limits let it', async () => {
      await on.limitedTo({ perUserConcurrentRuns: 1 });
      await on.enqueue('a', 'ann');
      const first = await on.enqueue('b', 'ann');
      const second = await on.enqueue('c', 'ann', 's', { isReturning: true });
      expect(second.position).toBe(2);
      await on.admission.release('a');
      expect(await first.granted).toBe(true);
      expect(await on.admission.position('c')).toBe(1);
      await on.admission.release('b');
      expect(await second.granted).toBe(true);
    });
  });
}
