import type { AdmissionFixture } from './admission-fixture.js';

/** Sessions that are busy although no run in them has a slot. */
export function describeBusySessions(on: AdmissionFixture): void {
  describe('giving back a slot alone', () => {
    it('lets the next one start, and keeps the session busy until the run is released', async () => {
      await on.limitedTo({ globalConcurrentRuns: 1 });
      await on.enqueue('a', 'ann', 's');
      const sameSession = await on.enqueue('b', 'ann', 's');
      const elsewhere = await on.enqueue('c', 'bob', 't');
      await on.admission.releaseSlot('a');
      expect(await elsewhere.granted).toBe(true);
      expect(await on.totals()).toEqual({ activeTotal: 1, pendingTotal: 1 });
      await on.admission.release('c');
      // There is room now, and yet the session is not free.
      expect(await on.totals()).toEqual({ activeTotal: 0, pendingTotal: 1 });
      expect(await on.admission.position('b')).toBe(1);
      expect(await on.canRunNow('bob', 's')).toBe(false);
      expect(await on.canRunNow('ann', 't')).toBe(true);
      await on.admission.release('a');
      expect(await sameSession.granted).toBe(true);
    });

    it('makes room for its user', async () => {
      await on.limitedTo({ perUserConcurrentRuns: 1 });
      await on.enqueue('a', 'ann');
      const second = await on.enqueue('b', 'ann');
      await on.admission.releaseSlot('a');
      expect(await second.granted).toBe(true);
      expect(await on.admission.snapshotFor('user:ann', null)).toMatchObject({ perUserActive: 1 });
    });

    it('frees it once, however often it is asked, and not again with the session', async () => {
      await on.limitedTo({ globalConcurrentRuns: 1 });
      await on.enqueue('a');
      const second = await on.enqueue('b');
      await on.enqueue('c');
      await on.admission.releaseSlot('a');
      await on.admission.releaseSlot('a');
      await on.admission.release('a');
      await on.admission.release('a');
      expect(await second.granted).toBe(true);
      expect(await on.totals()).toEqual({ activeTotal: 1, pendingTotal: 1 });
    });

    it('is one more slot that came free, once', async () => {
      await on.limitedTo({});
      for (const id of ['a', 'b', 'c']) {
        await on.enqueue(id);
        await on.admission.releaseSlot(id);
        await on.admission.release(id);
      }
      expect((await on.admission.snapshot()).retryAfterSeconds).toBe(20);
    });

    it('does nothing for a run that has none', async () => {
      await on.limitedTo({ globalConcurrentRuns: 1 });
      await on.enqueue('a');
      await on.enqueue('b');
      for (const id of ['b', 'nobody']) await on.admission.releaseSlot(id);
      expect(await on.totals()).toEqual({ activeTotal: 1, pendingTotal: 1 });
      expect(await on.admission.position('b')).toBe(1);
    });
  });

  describe('occupying a session', () => {
    it('keeps every run out of it until it is released, and takes no slot', async () => {
      await on.limitedTo({ globalConcurrentRuns: 1 });
      await on.admission.occupy('old', 's');
      expect(await on.totals()).toEqual({ activeTotal: 0, pendingTotal: 0 });
      expect(await on.canRunNow('ann', 's')).toBe(false);
      const waits = await on.enqueue('a', 'ann', 's');
      expect(waits.position).toBe(1);
      expect((await on.enqueue('b', 'ann', 't')).position).toBeNull();
      await on.admission.release('b');
      expect(await on.admission.position('a')).toBe(1);
      await on.admission.release('old');
      expect(await waits.granted).toBe(true);
    });

    it('keeps those out who have come to it before, for another reason', async () => {
      await on.limitedTo({ perUserConcurrentRuns: 1 });
      await on.enqueue('a', 'ann', 's');
      const waits = await on.enqueue('b', 'ann', 't');
      await on.admission.occupy('old', 't');
      await on.admission.release('a');
      expect(await on.admission.position('b')).toBe(1);
      await on.admission.release('old');
      expect(await waits.granted).toBe(true);
    });

    it('leaves it free for whoever comes after the release', async () => {
      await on.limitedTo({});
      await on.admission.occupy('old', 's');
      await on.admission.release('old');
      expect(await on.canRunNow('ann', 's')).toBe(true);
      expect((await on.enqueue('a', 'ann', 's')).position).toBeNull();
    });

    it('is nothing that a slot comes free by', async () => {
      await on.limitedTo({});
      for (const id of ['a', 'b', 'c']) {
        await on.admission.occupy(id, 's');
        await on.admission.releaseSlot(id);
        expect(await on.canRunNow('ann', 's')).toBe(false);
        await on.admission.release(id);
      }
      expect((await on.admission.snapshot()).retryAfterSeconds).toBe(60);
    });

    it('is refused while another run has it, which keeps it', async () => {
      await on.limitedTo({});
      await on.enqueue('a', 'ann', 's');
      await on.admission.occupy('b', 't');
      for (const session of ['s', 't']) {
        await expect(on.admission.occupy('late', session)).rejects.toThrow(Error);
        await on.admission.release('late');
        expect(await on.canRunNow('cyd', session)).toBe(false);
      }
    });
  });
}
