import { setImmediate as nextTurn } from 'node:timers/promises';
import { eventFrame } from '../../src/run/event-frame.js';
import { MAX_READ_BYTES } from '../../src/provider/agent-reading.js';
import { MAX_HELD_BYTES, type RunLog, type RunLogs } from '../../src/run/run-log.js';
import {
  BATCH_BYTES,
  endOf,
  eventsIn,
  flushed,
  idsOf,
  never,
  range,
  readAll,
  readSome,
  type RunLogStorage,
  type RunLogStorageFactory,
} from './run-log-fixture.js';
import { describeLogCrashes } from './run-log-crash.contract.js';
import { describeLogInterleavings } from './run-log-interleaving.contract.js';

/** The rules of the port (contract, section 8), for every adapter of it. */
export function describeRunLogs(name: string, factory: RunLogStorageFactory): void {
  describe(`${name} keeps the rules of a run's log`, () => {
    let storage: RunLogStorage;
    let logs: RunLogs;
    let log: RunLog;

    beforeEach(() => {
      storage = factory();
      logs = storage.open();
      log = logs.create('r');
    });
    afterEach(() => storage.dispose());

    describe('appending', () => {
      it('numbers the events 1, 2, 3… and counts their bytes', async () => {
        expect([log.lastEventId, log.size]).toEqual([0, 0]);
        log.append('meta', '{}');
        log.append('agent', 'é');
        await flushed();
        log.append('log', '');
        await flushed();
        expect(log.lastEventId).toBe(3);
        expect(await endOf(log, '{"reason":"completed"}')).toBe(4);
        const frames = [
          eventFrame(1, 'meta', '{}'),
          eventFrame(2, 'agent', 'é'),
          eventFrame(3, 'log', ''),
          eventFrame(4, 'runner.exit', '{"reason":"completed"}'),
        ];
        expect(log.size).toBe(Buffer.byteLength(frames.join('')));
        expect(await readAll(log)).toEqual(frames.flatMap((it) => eventsIn(Buffer.from(it))));
      });

      it('makes an event of each line of a block', async () => {
        log.append('meta', '{}');
        log.appendLines('agent', Buffer.from('a\né€🙂\n{"b":1}'));
        log.append('log', 'c');
        expect(await endOf(log, '{}')).toBe(6);
        expect((await readAll(log)).map(({ id, type, data }) => [id, type, data])).toEqual([
          [1, 'meta', '{}'],
          [2, 'agent', 'a'],
          [3, 'agent', 'é€🙂'],
          [4, 'agent', '{"b":1}'],
          [5, 'log', 'c'],
          [6, 'runner.exit', '{}'],
        ]);
      });

      it('lets events wait for the next turn of the event loop', async () => {
        log.append('agent', 'a');
        log.append('agent', 'b');
        expect(log.lastEventId).toBe(0);
        await flushed();
        expect(log.lastEventId).toBe(2);
        await endOf(log);
      });

      it('does not wait once there is enough to write', async () => {
        const eager = storage.open(1024).create('eager');
        eager.append('agent', 'x'.repeat(500));
        expect(eager.lastEventId).toBe(0);
        eager.append('agent', 'x'.repeat(500));
        expect(eager.lastEventId).toBe(2);
        await endOf(eager);
        await endOf(log);
      });

      it('keeps the events of different runs apart', async () => {
        const other = logs.create('other');
        log.append('agent', 'mine');
        other.append('agent', 'theirs');
        await Promise.all([endOf(log), endOf(other)]);
        expect((await readAll(log))[0]!.data).toBe('mine');
        expect((await readAll(other))[0]!.data).toBe('theirs');
      });
    });

    describe('reading', () => {
      it('replays and then follows, from every event on', async () => {
        for (const number of range(1, 5)) log.append('agent', `${number}`);
        await flushed();
        const readers = range(0, 5).map((after) => readAll(log, after));
        for (const number of range(6, 9)) {
          log.append('agent', `${number}`);
          await flushed();
        }
        await endOf(log);
        for (const [after, events] of (await Promise.all(readers)).entries()) {
          expect(idsOf(events)).toEqual(range(after + 1, 10));
          for (const { id, data } of events.slice(0, -1)) expect(data).toBe(`${id}`);
        }
      });

      it('gives whole events in batches of at most 256 KiB, or one event', async () => {
        const sizes = [10, 200_000, 200_000, 10, 700_000, BATCH_BYTES, 10, 10, 300_000];
        for (const size of sizes) log.append('agent', 'x'.repeat(size));
        await endOf(log);
        const reader = log.reader(0);
        const batches: number[][] = [];
        for (;;) {
          const batch = await reader.next(never);
          if (batch === null) break;
          batches.push(eventsIn(batch).map(({ data }) => data.length));
        }
        reader.close();
        expect(batches.flat()).toEqual([...sizes, 2]);
        // Few large ones, as far as they go: a batch costs a turn of the reader.
        expect(batches.length).toBeLessThanOrEqual(7);
      });

      it('gives an event whole whose line an agent is read by, and a longer one in parts', async () => {
        const line = 'x'.repeat(MAX_READ_BYTES);
        const longest = eventFrame(999_999_999_999_999, 'agent', line);
        expect(longest.length).toBeLessThanOrEqual(MAX_HELD_BYTES);
        log.append('agent', line);
        log.append('agent', `${line}${line}`);
        await endOf(log);
        const reader = log.reader(0);
        const whole = eventsIn((await reader.next(never))!);
        expect(whole.map(({ data }) => data === line)).toEqual([true]);
        expect(reader.isBetweenEvents).toBe(true);
        const part = (await reader.next(never))!;
        expect(part.length).toBeLessThanOrEqual(MAX_HELD_BYTES);
        expect(reader.isBetweenEvents).toBe(false);
        reader.close();
      });

      it('waits at the end of a log that goes on', async () => {
        const reader = log.reader(0);
        let got: Buffer | null = null;
        const waiting = reader.next(never).then((batch) => (got = batch));
        for (let turn = 0; turn < 5; turn += 1) await nextTurn();
        expect(got).toBeNull();
        log.append('agent', 'now');
        await waiting;
        expect(idsOf(eventsIn(got!))).toEqual([1]);
        reader.close();
        await endOf(log);
      });

      it('rejects with the reason of the signal, and can be asked again', async () => {
        const reader = log.reader(0);
        const gone = new AbortController();
        const waiting = reader.next(gone.signal);
        gone.abort(new Error('gone'));
        await expect(waiting).rejects.toThrow('gone');
        await expect(reader.next(gone.signal)).rejects.toThrow('gone');
        log.append('agent', 'a');
        expect(idsOf(eventsIn((await reader.next(never))!))).toEqual([1]);
        reader.close();
        await endOf(log);
      });

      it('says what was read last, before the first batch and after each', async () => {
        for (let count = 0; count < 5; count += 1) log.append('agent', 'x'.repeat(200_000));
        await flushed();
        const reader = log.reader(1);
        expect(await reader.lastReadId()).toBe(1);
        const said: [number, number][] = [];
        for (let last = 1; last < 5;) {
          last = eventsIn((await reader.next(never))!).at(-1)!.id!;
          said.push([await reader.lastReadId(), last]);
        }
        for (const [answer, truth] of said) expect(answer).toBe(truth);
        log.append('agent', 'more');
        await flushed();
        expect(await reader.lastReadId()).toBe(5);
        reader.close();
        await endOf(log);
      });

      it('serves a reader that comes when all others have gone', async () => {
        log.append('agent', 'x'.repeat(BATCH_BYTES));
        log.append('agent', 'b');
        await endOf(log);
        expect(logs.isInUse('r')).toBe(false);
        expect(idsOf(await readAll(log))).toEqual([1, 2, 3]);
        expect(idsOf(await readAll(log, 2))).toEqual([3]);
      });
    });

    describe('the end', () => {
      it('is written by seal, and shown when it is published', async () => {
        log.append('meta', '{}');
        const waiting = readAll(log);
        let isOver = false;
        void waiting.then(() => (isOver = true));
        expect(await log.seal('runner.exit', '{"a":1}')).toBe(2);
        expect(log.lastEventId).toBe(1);
        expect(idsOf(await readSome(log, 0, 1))).toEqual([1]);
        for (let turn = 0; turn < 5; turn += 1) await nextTurn();
        expect(isOver).toBe(false);
        log.publishEnd();
        expect(log.lastEventId).toBe(2);
        expect((await waiting).at(-1)).toEqual({ id: 2, type: 'runner.exit', data: '{"a":1}' });
      });

      it('comes after what was appended in the same turn', async () => {
        log.append('agent', 'last words');
        await endOf(log);
        expect((await readAll(log)).map(({ type }) => type)).toEqual(['agent', 'runner.exit']);
      });

      it('has nothing behind it', async () => {
        log.append('agent', 'x');
        const sealing = log.seal('runner.exit', '{}');
        log.append('stalled', '{}');
        expect(await sealing).toBe(2);
        log.append('stalled', '{}');
        log.publishEnd();
        log.append('stalled', '{}');
        log.flush();
        expect(log.lastEventId).toBe(2);
        expect((await readAll(log)).map(({ type }) => type)).toEqual(['agent', 'runner.exit']);
      });

      it('is all that a run without output has', async () => {
        expect(await endOf(log)).toBe(1);
        expect(idsOf(await readAll(log))).toEqual([1]);
        expect(await readAll(log, 1)).toEqual([]);
      });

      it('needs no second writing where it is written', async () => {
        await endOf(log);
        expect(await log.writeEndAgain()).toBe(true);
        expect(idsOf(await readAll(log))).toEqual([1]);
      });
    });

    describe('keeping', () => {
      it('has a log in use while it is written or read', async () => {
        expect(logs.isInUse('r')).toBe(true);
        expect(logs.isInUse('other')).toBe(false);
        const reader = log.reader(0);
        await endOf(log);
        expect(logs.isInUse('r')).toBe(true);
        reader.close();
        expect(logs.isInUse('r')).toBe(false);
        const opened = logs.open('r', 1)!;
        const [first, second] = [opened.reader(0), logs.open('r', 1)!.reader(1)];
        first.close();
        first.close();
        expect(logs.isInUse('r')).toBe(true);
        second.close();
        expect(logs.isInUse('r')).toBe(false);
      });

      it('opens an ended log from every event on, in this server and the next', async () => {
        for (const number of range(1, 4)) log.append('agent', `${number}`);
        await endOf(log);
        for (const server of [logs, storage.open()]) {
          for (const after of range(0, 5)) {
            expect(idsOf(await readAll(server.open('r', 5)!, after))).toEqual(range(after + 1, 5));
          }
        }
      });

      it('opens a log that is still written as it is', async () => {
        log.append('agent', 'a');
        const opened = logs.open('r', 0)!;
        const reading = readAll(opened);
        await endOf(log);
        expect(idsOf(await reading)).toEqual([1, 2]);
      });

      it('has nothing of a run that never was, or was removed', async () => {
        await endOf(log);
        logs.remove('r');
        logs.remove('r');
        expect(logs.open('r', 1)).toBeNull();
        expect(logs.open('other', 1)).toBeNull();
      });

      it('lets go of a log that is left to the next server', async () => {
        log.append('agent', 'a');
        log.abandon();
        expect(logs.isInUse('r')).toBe(false);
        const { log: next, end } = storage.open().recover('r');
        expect([next.lastEventId, end]).toEqual([1, null]);
        await endOf(next);
        expect(idsOf(await readAll(next))).toEqual([1, 2]);
      });
    });

    describeLogCrashes(() => storage);
    describeLogInterleavings(() => storage);
  });
}
