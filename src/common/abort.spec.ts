import { SharedWork, untilAborted } from './abort.js';
import { Deferred } from './deferred.js';

describe('waiting until a signal is aborted', () => {
  it('gives what the promise gives', async () => {
    const { signal } = new AbortController();
    expect(await untilAborted(Promise.resolve(1), signal)).toBe(1);
    expect(await untilAborted(Promise.resolve(1))).toBe(1);
    await expect(untilAborted(Promise.reject(new Error('no')), signal)).rejects.toThrow('no');
  });

  it('ends with the reason of the signal, also of one that is aborted already', async () => {
    const stop = new AbortController();
    const waiting = untilAborted(new Promise(() => undefined), stop.signal);
    stop.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    await expect(untilAborted(Promise.resolve(1), stop.signal)).resolves.toBe(1);
    await expect(untilAborted(new Promise(() => undefined), stop.signal)).rejects.toThrow('enough');
  });
});

describe('work that is shared', () => {
  let runs: { done: Deferred<void>; signal: AbortSignal }[];
  let work: SharedWork;
  beforeEach(() => {
    runs = [];
    work = new SharedWork((signal) => {
      const done = new Deferred<void>();
      runs.push({ done, signal });
      return done.promise;
    });
  });

  it('is done once for all who ask meanwhile, and anew for who asks later', async () => {
    const all = [work.join(), work.join(), work.join()];
    expect(runs).toHaveLength(1);
    runs[0]!.done.resolve();
    await Promise.all(all);
    const later = work.join();
    expect(runs).toHaveLength(2);
    runs[1]!.done.reject(new Error('failed'));
    await expect(later).rejects.toThrow('failed');
  });

  it('goes on for the others when one of them leaves', async () => {
    const stop = new AbortController();
    const [leaves, stays] = [work.join(stop.signal), work.join()];
    stop.abort(new Error('gone'));
    await expect(leaves).rejects.toThrow('gone');
    expect(runs[0]!.signal.aborted).toBe(false);
    runs[0]!.done.resolve();
    await stays;
  });

  it('is given up when the last one leaves, and begun anew for the next', async () => {
    const stop = new AbortController();
    const all = [work.join(stop.signal), work.join(stop.signal)];
    stop.abort(new Error('gone'));
    for (const it of all) await expect(it).rejects.toThrow('gone');
    expect(runs[0]!.signal.aborted).toBe(true);
    const next = work.join();
    runs[0]!.done.reject(new Error('nobody hears this'));
    runs[1]!.done.resolve();
    await next;
  });

  it('is not begun for who has left before', async () => {
    await expect(work.join(AbortSignal.abort(new Error('gone')))).rejects.toThrow('gone');
    expect(runs).toEqual([]);
  });
});
