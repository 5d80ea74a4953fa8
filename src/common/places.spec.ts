import { Deferred } from './deferred.js';
import { Places } from './places.js';

describe('places for work', () => {
  const refused = { code: 'too_many_requests', facts: { retryAfterSeconds: 5 } };

  it('are as many as they are, and fewer for one key', async () => {
    const places = new Places({ all: 3, owner: 3, each: 2 });
    const [first, second, third] = [
      new Deferred<string>(),
      new Deferred<string>(),
      new Deferred<string>(),
    ];
    const run = (key: string, task: () => Promise<string>) =>
      places.run({ key, owner: null }, task);
    const a = run('a', () => first.promise);
    const b = run('a', () => second.promise);
    await expect(run('a', async () => 'x')).rejects.toMatchObject(refused);
    const c = run('b', () => third.promise);
    await expect(run('c', async () => 'x')).rejects.toMatchObject(refused);
    first.resolve('done');
    expect(await a).toBe('done');
    expect(await run('c', async () => 'x')).toBe('x');
    second.reject(new Error('broken'));
    await expect(b).rejects.toThrow('broken');
    third.resolve('done');
    await c;
    expect(await run('a', async () => 'x')).toBe('x');
  });

  it('are never all of one owner, however many keys it has, nor of all who have no name', async () => {
    for (const owner of ['user:ada', null]) {
      const places = new Places({ all: 3, owner: 2, each: 1 });
      const end = new Deferred<string>();
      const held = ['a', 'b'].map((key) => places.run({ key, owner }, () => end.promise));
      const more = () => places.run({ key: 'c', owner }, async () => 'x');
      await expect(more()).rejects.toMatchObject(refused);
      const others = { key: 'd', owner: 'user:bob' };
      expect(await places.run(others, async () => 'x')).toBe('x');
      end.resolve('done');
      await Promise.all(held);
      expect(await more()).toBe('x');
    }
  });
});
