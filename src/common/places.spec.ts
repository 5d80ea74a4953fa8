import { Deferred } from './deferred.js';
import { Places } from './places.js';

describe('places for work', () => {
  const refused = { code: 'too_many_requests', facts: { retryAfterSeconds: 5 } };

  it('are as many as they are, and fewer for one key', async () => {
    const places = new Places({ all: 3, each: 2 });
    const [first, second, third] = [
      new Deferred<string>(),
      new Deferred<string>(),
      new Deferred<string>(),
    ];
    const a = places.run('a', () => first.promise);
    const b = places.run('a', () => second.promise);
    await expect(places.run('a', async () => 'x')).rejects.toMatchObject(refused);
    const c = places.run('b', () => third.promise);
    await expect(places.run('c', async () => 'x')).rejects.toMatchObject(refused);
    first.resolve('done');
    expect(await a).toBe('done');
    expect(await places.run('c', async () => 'x')).toBe('x');
    second.reject(new Error('broken'));
    await expect(b).rejects.toThrow('broken');
    third.resolve('done');
    await c;
    expect(await places.run('a', async () => 'x')).toBe('x');
  });
});
