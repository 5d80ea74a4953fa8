import { newRecord } from '../../test/contract/run-store-fixture.js';
import type { EndCause, RunRecord } from './run-record.js';
import type { RunLog } from './run-log.js';
import { Run } from './run.js';

const cause = (reason: EndCause['reason']): EndCause => ({ reason, code: null, detail: null });

/** A run that nobody reads. */
function runWith(onDisconnect: 'cancel' | 'continue', graceSeconds: number): Run {
  const record: RunRecord = newRecord();
  const order = { ...record.order, onDisconnect };
  return new Run({ ...record, order }, null as unknown as RunLog, graceSeconds);
}

describe('a run', () => {
  describe('and what ends it', () => {
    it('ends for the first cause that is recorded', () => {
      const run = runWith('cancel', 0);
      expect([run.cause, run.stopSignal.aborted]).toEqual([null, false]);
      run.stop(cause('timeout'));
      run.stop(cause('cancelled'));
      expect(run.cause?.reason).toBe('timeout');
      expect(run.stopSignal.reason).toEqual(cause('timeout'));
    });

    it('has no cause once the exit of its agent was seen, or it has ended', () => {
      const exited = runWith('cancel', 0);
      exited.noteExit();
      const ended = runWith('cancel', 0);
      ended.state = 'completed';
      for (const run of [exited, ended]) {
        run.stop(cause('timeout'));
        expect([run.cause, run.stopSignal.aborted]).toEqual([null, false]);
      }
    });
  });

  // Graces are of seconds and minutes: the clock is put forward.
  describe('and its followers', () => {
    beforeEach(() => jest.useFakeTimers());
    afterEach(() => jest.useRealTimers());

    it('is not cancelled before the first one comes', () => {
      const run = runWith('cancel', 0);
      jest.advanceTimersByTime(3_600_000);
      expect(run.cause).toBeNull();
    });

    it('is cancelled when the last one has gone, without a grace at once', () => {
      const run = runWith('cancel', 0);
      const [first, second] = [run.attachFollower(), run.attachFollower()];
      first('gone');
      // A follower can go only once.
      first('gone');
      expect(run.cause).toBeNull();
      second('gone');
      expect(run.cause).toMatchObject({ reason: 'cancelled', code: 'client_gone' });
    });

    it('outlives the last one by the grace', () => {
      const run = runWith('cancel', 30);
      run.attachFollower()('gone');
      jest.advanceTimersByTime(29_999);
      expect(run.cause).toBeNull();
      jest.advanceTimersByTime(1);
      expect(run.cause?.code).toBe('client_gone');
    });

    it('lives on if one comes back in time, and has the whole grace again', () => {
      const run = runWith('cancel', 30);
      run.attachFollower()('gone');
      jest.advanceTimersByTime(29_999);
      const back = run.attachFollower();
      jest.advanceTimersByTime(3_600_000);
      back('gone');
      jest.advanceTimersByTime(29_999);
      expect(run.cause).toBeNull();
      jest.advanceTimersByTime(1);
      expect(run.cause?.code).toBe('client_gone');
    });

    it.each([
      [0, 60],
      [30, 60],
      [90, 90],
    ])('with a grace of %i s gives one that the server closed %i s', (grace, seconds) => {
      const run = runWith('cancel', grace);
      run.attachFollower()('cut');
      jest.advanceTimersByTime(seconds * 1000 - 1);
      expect(run.cause).toBeNull();
      jest.advanceTimersByTime(1);
      expect(run.cause?.code).toBe('client_gone');
    });

    it('waits for one that the server closed though another has left since', () => {
      const run = runWith('cancel', 0);
      const [closed, other] = [run.attachFollower(), run.attachFollower()];
      closed('cut');
      jest.advanceTimersByTime(10_000);
      other('gone');
      jest.advanceTimersByTime(49_999);
      expect(run.cause).toBeNull();
      jest.advanceTimersByTime(1);
      expect(run.cause?.code).toBe('client_gone');
    });

    it('forgets its grace when it ends', () => {
      const run = runWith('cancel', 3600);
      run.attachFollower()('gone');
      expect(jest.getTimerCount()).toBe(1);
      run.ended.resolve();
      return run.ended.promise.then(() => expect(jest.getTimerCount()).toBe(0));
    });

    it('goes on without any if it is detached', () => {
      const run = runWith('continue', 0);
      run.attachFollower()('gone');
      run.attachFollower()('cut');
      jest.advanceTimersByTime(3_600_000);
      expect(run.cause).toBeNull();
    });

    it('keeps an earlier cause through the grace', () => {
      const run = runWith('cancel', 30);
      run.attachFollower()('gone');
      run.stop(cause('timeout'));
      jest.advanceTimersByTime(60_000);
      expect(run.cause?.reason).toBe('timeout');
    });
  });
});
