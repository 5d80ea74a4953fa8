import type { AdmissionFixture } from './admission-fixture.js';

/** What is refused, which place a waiter has, and what the snapshots say. */
export function describeQueue(on: AdmissionFixture): void {
  describe('refusing', () => {
    it('refuses at once when the queue is full', async () => {
      await on.limitedTo({ globalConcurrentRuns: 1, maxQueueSize: 2 });
      for (const user of ['ann', 'bob', 'carl']) await on.enqueue(user, user);
      const error = await on.refusalOf(on.enqueue('dora', 'dora'));
      expect(error.code).toBe('queue_full');
      expect(error.detail).toBe('Runner queue is full (2 pending requests).');
      expect(error.facts.retryAfterSeconds).toBe(60);
    });

    it('refuses at once when too many runs of a user wait, and only those', async () => {
      await on.limitedTo({ globalConcurrentRuns: 1, maxPendingPerUser: 2 });
      for (const id of ['a', 'b', 'c']) await on.enqueue(id, 'ann');
      const error = await on.refusalOf(on.enqueue('d', 'ann'));
      expect(error.code).toBe('user_queue_full');
      expect(error.detail).toBe('Runner queue is full for this user (2 pending requests).');
      expect(error.facts.retryAfterSeconds).toBe(60);
      expect((await on.enqueue('e', 'bob')).position).toBe(3);
    });

    it('keeps nothing of a refused run, whose id may come again', async () => {
      await on.limitedTo({ globalConcurrentRuns: 1, maxQueueSize: 1 });
      await on.enqueue('a', 'ann');
      await on.enqueue('b', 'bob');
      await on.refusalOf(on.enqueue('c', 'carl'));
      expect(await on.totals()).toEqual({ activeTotal: 1, pendingTotal: 1 });
      expect(await on.admission.snapshotFor('user:carl', null)).toMatchObject({
        perUserPending: 0,
      });
      await on.admission.release('b');
      expect((await on.enqueue('c', 'carl')).position).toBe(1);
    });

    it('takes a run that starts at once even while the queue is full', async () => {
      await on.limitedTo({ perUserConcurrentRuns: 1, maxQueueSize: 1 });
      await on.enqueue('a', 'ann');
      await on.enqueue('b', 'ann');
      expect((await on.enqueue('c', 'bob')).position).toBeNull();
    });

    it('advises a wait by the rate at which slots have come free', async () => {
      await on.limitedTo({ globalConcurrentRuns: 1, maxQueueSize: 1 });
      for (const id of ['a', 'b', 'c']) {
        await on.enqueue(id);
        await on.admission.release(id);
      }
      await on.enqueue('d');
      await on.enqueue('e');
      expect((await on.refusalOf(on.enqueue('f'))).facts.retryAfterSeconds).toBe(20);
    });

    it('takes a run only once', async () => {
      await on.limitedTo({ globalConcurrentRuns: 1 });
      await on.enqueue('a');
      await on.enqueue('b');
      await expect(on.enqueue('a')).rejects.toThrow(Error);
      await expect(on.enqueue('b')).rejects.toThrow(Error);
      expect(await on.totals()).toEqual({ activeTotal: 1, pendingTotal: 1 });
    });
  });

  describe('positions', () => {
    it('are the places by arrival among all waiters, and never grow', async () => {
      await on.limitedTo({ globalConcurrentRuns: 1 });
      await on.enqueue('run');
      const ids = ['a', 'b', 'c', 'd', 'e'];
      for (const [index, id] of ids.entries()) {
        expect((await on.enqueue(id, `user-of-${id}`)).position).toBe(index + 1);
      }
      const places = () => Promise.all(ids.map((id) => on.admission.position(id)));
      await on.admission.release('c');
      expect(await places()).toEqual([1, 2, null, 3, 4]);
      await on.enqueue('f');
      expect(await places()).toEqual([1, 2, null, 3, 4]);
      await on.admission.release('run');
      expect(await places()).toEqual([null, 1, null, 2, 3]);
    });

    it('have no holder of a slot', async () => {
      await on.limitedTo({});
      await on.enqueue('a');
      expect(await on.admission.position('a')).toBeNull();
    });
  });

  describe('snapshots', () => {
    it('show the limits', async () => {
      await on.limitedTo({ globalConcurrentRuns: 7, perUserConcurrentRuns: 3, maxQueueSize: 5 });
      const limits = { globalLimit: 7, perUserLimit: 3 };
      expect(await on.admission.snapshot()).toMatchObject({ ...limits, queueCapacity: 5 });
      expect(await on.admission.snapshotFor('user:ann', null)).toMatchObject(limits);
    });

    it('show a queue without a bound as null', async () => {
      await on.limitedTo({ maxQueueSize: null });
      expect((await on.admission.snapshot()).queueCapacity).toBeNull();
    });

    it('count the runs of one user', async () => {
      await on.limitedTo({ globalConcurrentRuns: 2, perUserConcurrentRuns: 1 });
      await on.enqueue('a', 'ann');
      await on.enqueue('b', 'ann');
      await on.enqueue('c', 'bob');
      expect(await on.admission.snapshotFor('user:ann', null)).toMatchObject({
        userKey: 'user:ann',
        perUserActive: 1,
        perUserPending: 1,
        activeTotal: 2,
        pendingTotal: 1,
      });
    });

    it('say that a run cannot start while no slot is free', async () => {
      await on.limitedTo({ globalConcurrentRuns: 1 });
      expect(await on.canRunNow('ann')).toBe(true);
      await on.enqueue('a', 'ann');
      expect(await on.canRunNow('bob')).toBe(false);
      await on.admission.release('a');
      expect(await on.canRunNow('bob')).toBe(true);
    });

    it('say that a user at the limit cannot start, and that others can', async () => {
      await on.limitedTo({ perUserConcurrentRuns: 1 });
      await on.enqueue('a', 'ann');
      await on.enqueue('b', 'ann');
      expect(await on.canRunNow('ann')).toBe(false);
      expect(await on.canRunNow('bob')).toBe(true);
    });

    it('say that a busy session cannot start, and that the user still can elsewhere', async () => {
      await on.limitedTo({});
      await on.enqueue('a', 'ann', 's');
      expect(await on.canRunNow('ann', 's')).toBe(false);
      expect(await on.canRunNow('bob', 's')).toBe(false);
      expect(await on.canRunNow('ann', 't')).toBe(true);
      expect(await on.canRunNow('ann')).toBe(true);
    });
  });
}
