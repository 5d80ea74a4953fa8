import { eventFrame } from '../../src/run/event-frame.js';
import { endOf, idsOf, range, readAll, readSome, type RunLogStorage } from './run-log-fixture.js';

/** What a server that dies leaves of a log, and what the next one makes of it. */
export function describeLogCrashes(storage: () => RunLogStorage): void {
  describe('after a crash', () => {
    /** A log of some events whose server has died. */
    const leave = (runId: string, data: readonly string[]) => {
      const log = storage().open().create(runId);
      for (const text of data) log.append('agent', text);
      log.abandon();
    };

    it('goes on with the next number, wherever in its last event a log was torn', async () => {
      const torn = Buffer.from(eventFrame(3, 'agent', 'torn: é€🙂 "\\n"'));
      for (const cut of range(0, torn.length - 1)) {
        const runId = `cut-at-${cut}`;
        leave(runId, ['a', '🙂']);
        storage().tear(runId, torn.subarray(0, cut));
        const { log, end } = storage().open().recover(runId);
        expect([cut, log.lastEventId, end]).toEqual([cut, 2, null]);
        log.append('agent', 'new');
        await endOf(log);
        const events = await readAll(log);
        expect(idsOf(events)).toEqual([1, 2, 3, 4]);
        expect(events[2]!.data).toBe('new');
        expect(await readAll(storage().open().open(runId, 4)!)).toEqual(events);
      }
    });

    it('begins anew where the first event was torn', async () => {
      const torn = Buffer.from(eventFrame(1, 'meta', '{"é":1}'));
      for (const cut of range(0, torn.length - 1)) {
        const runId = `cut-at-${cut}`;
        leave(runId, []);
        storage().tear(runId, torn.subarray(0, cut));
        const { log, end } = storage().open().recover(runId);
        expect([cut, log.lastEventId, log.size, end]).toEqual([cut, 0, 0, null]);
        log.append('meta', '{}');
        await endOf(log);
        expect(idsOf(await readAll(log))).toEqual([1, 2]);
      }
    });

    it('takes an end that was torn for none', async () => {
      const torn = Buffer.from(eventFrame(2, 'runner.exit', '{"reason":"completed"}'));
      for (const cut of range(1, torn.length - 1)) {
        const runId = `cut-at-${cut}`;
        leave(runId, ['a']);
        storage().tear(runId, torn.subarray(0, cut));
        const { log, end } = storage().open().recover(runId);
        expect([cut, end]).toEqual([cut, null]);
        expect(await endOf(log, '{"reason":"lost"}')).toBe(2);
        expect((await readAll(log)).map(({ data }) => data)).toEqual(['a', '{"reason":"lost"}']);
      }
    });

    it('passes over what a power cut makes of blocks that were never written', async () => {
      leave('r', ['a']);
      storage().tear('r', Buffer.alloc(100_000));
      const { log } = storage().open().recover('r');
      expect(log.lastEventId).toBe(1);
      expect(await endOf(log)).toBe(2);
      expect(idsOf(await readAll(log))).toEqual([1, 2]);
      // Nothing of them is left behind the new end.
      expect(idsOf(await readAll(storage().open().open('r', 2)!))).toEqual([1, 2]);
    });

    it('finds the last event behind and before long ones', async () => {
      const long = 'é'.repeat(500_000);
      leave('r', ['a', long]);
      storage().tear('r', Buffer.from(eventFrame(3, 'agent', long)).subarray(0, 900_000));
      const { log } = storage().open().recover('r');
      expect(log.lastEventId).toBe(2);
      expect((await readSome(log, 1, 1))[0]!.data === long).toBe(true);
      await endOf(log);
    });

    it('says the end where the log has it', async () => {
      const log = storage().open().create('r');
      log.append('agent', 'runner.exit');
      const data = '{"reason":"completed","detail":"é€🙂"}';
      // Written, but the server dies before anybody has seen it.
      await log.seal('runner.exit', data);
      log.abandon();
      storage().tear('r', Buffer.from('id: 3'));
      const logs = storage().open();
      const recovered = logs.recover('r');
      expect(recovered.end).toBe(data);
      recovered.log.publishEnd();
      expect(recovered.log.lastEventId).toBe(2);
      expect((await readAll(recovered.log)).at(-1)!.data).toBe(data);
      expect(logs.isInUse('r')).toBe(false);
    });

    it('makes a log for a run that had none', async () => {
      const { log, end } = storage().open().recover('never');
      expect([log.lastEventId, end]).toEqual([0, null]);
      expect(await endOf(log)).toBe(1);
      expect(idsOf(await readAll(log))).toEqual([1]);
    });
  });
}
