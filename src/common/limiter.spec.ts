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
});
