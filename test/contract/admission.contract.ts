import { describeCaps } from './admission-caps.contract.js';
import { type AdmissionFactory, AdmissionFixture } from './admission-fixture.js';
import { describeQueue } from './admission-queue.contract.js';
import { describeBusySessions } from './admission-sessions.contract.js';

/** The rules of the contract's section 3, for every adapter of the port. */
export function describeAdmission(name: string, factory: AdmissionFactory): void {
  describe(`${name} keeps the rules of admission`, () => {
    const on = new AdmissionFixture(factory);

    describe('starting', () => {
      it('grants at once while everything is free', async () => {
        await on.limitedTo({});
        const placement = await on.enqueue('a');
        expect(placement).toMatchObject({ position: null });
        expect(await placement.granted).toBe(true);
        expect(await on.totals()).toEqual({ activeTotal: 1, pendingTotal: 0 });
      });

      it('lets a run beyond the global limit wait until a slot comes free', async () => {
        await on.limitedTo({ globalConcurrentRuns: 1 });
        await on.enqueue('a', 'ann');
        const second = await on.enqueue('b', 'bob');
        expect(second.position).toBe(1);
        expect(await on.totals()).toEqual({ activeTotal: 1, pendingTotal: 1 });
        await on.admission.release('a');
        expect(await second.granted).toBe(true);
        expect(await on.totals()).toEqual({ activeTotal: 1, pendingTotal: 0 });
      });

      it('grants in the order of arrival', async () => {
        await on.limitedTo({ globalConcurrentRuns: 1 });
        await on.enqueue('first');
        const order: string[] = [];
        const waits = [];
        for (const id of ['a', 'b', 'c', 'd']) {
          const { granted } = await on.enqueue(id, `user-of-${id}`);
          waits.push(granted.then(() => order.push(id)));
        }
        for (const [index, id] of ['first', 'a', 'b', 'c'].entries()) {
          await on.admission.release(id);
          await waits[index];
        }
        expect(order).toEqual(['a', 'b', 'c', 'd']);
      });

      it('never lets a user at the limit hold up others', async () => {
        await on.limitedTo({ globalConcurrentRuns: 2, perUserConcurrentRuns: 1 });
        await on.enqueue('ann-1', 'ann');
        const annWaits = await on.enqueue('ann-2', 'ann');
        expect(annWaits.position).toBe(1);
        expect((await on.enqueue('bob-1', 'bob')).position).toBeNull();
        const carlWaits = await on.enqueue('carl-1', 'carl');
        await on.admission.release('bob-1');
        expect(await carlWaits.granted).toBe(true);
        expect(await on.admission.position('ann-2')).toBe(1);
        await on.admission.release('ann-1');
        expect(await annWaits.granted).toBe(true);
      });

      it('starts all that one release has made possible', async () => {
        await on.limitedTo({ perUserConcurrentRuns: 1 });
        await on.enqueue('a', 'ann', 's');
        const sameUser = await on.enqueue('b', 'ann', 'other');
        const sameSession = await on.enqueue('c', 'bob', 's');
        await on.admission.release('a');
        expect(await sameUser.granted).toBe(true);
        expect(await sameSession.granted).toBe(true);
      });
    });

    describe('sessions', () => {
      it('lets the second run of a session wait without a slot', async () => {
        await on.limitedTo({ globalConcurrentRuns: 2 });
        await on.enqueue('a', 'ann', 's');
        const second = await on.enqueue('b', 'ann', 's');
        expect(second.position).toBe(1);
        expect((await on.enqueue('c', 'ann', 't')).position).toBeNull();
        await on.admission.release('c');
        expect(await on.admission.position('b')).toBe(1);
        await on.admission.release('a');
        expect(await second.granted).toBe(true);
      });

      it('keeps the runs of different users in one session apart too', async () => {
        await on.limitedTo({});
        await on.enqueue('a', 'ann', 's');
        const bob = await on.enqueue('b', 'bob', 's');
        const ann = await on.enqueue('c', 'ann', 's');
        await on.admission.release('a');
        expect(await bob.granted).toBe(true);
        expect(await on.admission.position('c')).toBe(1);
        await on.admission.release('b');
        expect(await ann.granted).toBe(true);
      });

      it('gives an idle session to another user while its waiter is at the limit', async () => {
        await on.limitedTo({ perUserConcurrentRuns: 1 });
        await on.enqueue('a', 'ann', 's');
        expect((await on.enqueue('b', 'ann', 't')).position).toBe(1);
        expect((await on.enqueue('c', 'bob', 't')).position).toBeNull();
        await on.admission.release('a');
        expect(await on.admission.position('b')).toBe(1);
      });

      it('counts those who wait for a session in the queue and in the caps', async () => {
        await on.limitedTo({ maxPendingPerUser: 1 });
        await on.enqueue('a', 'ann', 's');
        await on.enqueue('b', 'ann', 's');
        expect(await on.totals()).toEqual({ activeTotal: 1, pendingTotal: 1 });
        expect(await on.admission.snapshotFor('user:ann', null)).toMatchObject({
          perUserPending: 1,
        });
        expect((await on.refusalOf(on.enqueue('c', 'ann', 's'))).code).toBe('user_queue_full');
      });
    });

    describe('releasing', () => {
      it('frees a slot once, however often it is asked', async () => {
        await on.limitedTo({ globalConcurrentRuns: 1 });
        await on.enqueue('a');
        const second = await on.enqueue('b');
        await on.enqueue('c');
        await on.admission.release('a');
        await on.admission.release('a');
        expect(await second.granted).toBe(true);
        expect(await on.totals()).toEqual({ activeTotal: 1, pendingTotal: 1 });
      });

      it('takes a waiter out of the queue, once, and gives it no slot later', async () => {
        await on.limitedTo({ globalConcurrentRuns: 1 });
        await on.enqueue('a');
        const withdrawn = await on.enqueue('b');
        await on.admission.release('b');
        await on.admission.release('b');
        expect(await withdrawn.granted).toBe(false);
        expect(await on.admission.position('b')).toBeNull();
        expect(await on.totals()).toEqual({ activeTotal: 1, pendingTotal: 0 });
        await on.admission.release('a');
        expect(await on.totals()).toEqual({ activeTotal: 0, pendingTotal: 0 });
      });

      it('passes over a withdrawn waiter in the middle of a session', async () => {
        await on.limitedTo({});
        await on.enqueue('a', 'ann', 's');
        await on.enqueue('b', 'ann', 's');
        await on.enqueue('c', 'ann', 's');
        const last = await on.enqueue('d', 'ann', 's');
        await on.admission.release('c');
        await on.admission.release('b');
        await on.admission.release('a');
        expect(await last.granted).toBe(true);
      });

      it('takes no offence at an unknown run', async () => {
        await on.limitedTo({});
        await expect(on.admission.release('nobody')).resolves.toBeUndefined();
        expect(await on.admission.position('nobody')).toBeNull();
      });
    });

    describeBusySessions(on);
    describeQueue(on);
    describeCaps(on);
  });
}
