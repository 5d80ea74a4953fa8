import { Deferred } from './deferred.js';
import { Limiter } from './limiter.js';

describe('a limiter', () => {
  it('lets so many tasks be under way, the others in their order, also when one fails', async () => {
    const limiter = new Limiter(2);
    const begun: number[] = [];
    const tasks = [0, 1, 2, 3].map(() => new Deferred<string>());
    const results = tasks.map(({ promise }, index) =>
      limiter.run(() => {
        begun.push(index);
        return promise;
      }),
    );
    const settled = Promise.allSettled(results);
    expect(begun).toEqual([0, 1]);
    tasks[1]!.reject(new Error('broken'));
    await expect(results[1]).rejects.toThrow('broken');
    expect(begun).toEqual([0, 1, 2]);
    tasks[0]!.resolve('first');
    expect(await results[0]).toBe('first');
    expect(begun).toEqual([0, 1, 2, 3]);
    tasks[2]!.resolve('third');
    tasks[3]!.resolve('fourth');
    await settled;
    expect(await limiter.run(async () => 'later')).toBe('later');
  });

  it('keeps no place for who does not want to wait any more', async () => {
    const limiter = new Limiter(1);
    const first = new Deferred<void>();
    const running = limiter.run(() => first.promise);
    const stop = new AbortController();
    const begun: string[] = [];
    const waiting = limiter.run(async () => void begun.push('given up'), stop.signal);
    const next = limiter.run(async () => void begun.push('next'));
    stop.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    await expect(limiter.run(async () => undefined, stop.signal)).rejects.toThrow('enough');
    first.resolve();
    await Promise.all([running, next]);
    expect(begun).toEqual(['next']);
    expect(await limiter.run(async () => 'later')).toBe('later');
  });
});
