import fc from 'fast-check';
import { claimOf } from './idempotency.js';
import type { RunRequest } from './run-request.js';

const request = (changes: Partial<RunRequest> = {}): RunRequest => ({
  user_prompt: 'p',
  ...changes,
});

/** The same value with the members of its objects in the opposite order. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).reverse();
  return Object.fromEntries(members.map(([name, member]) => [name, reversed(member)]));
}

describe('a claim to an idempotency key', () => {
  it.each(['k', ' ', '~', 'x'.repeat(255), 'a/../b "c"'])('takes the key %j', (key) => {
    expect(claimOf(key, request()).key).toMatch(/^[0-9a-f]{64}$/);
  });

  it.each(['', 'x'.repeat(256), 'é', 'a\tb', 'a\n', '\x7f'])('refuses the key %j', (key) => {
    expect(() => claimOf(key, request())).toThrow(
      expect.objectContaining({
        code: 'invalid_request',
        facts: { errors: [expect.objectContaining({ field: 'Idempotency-Key' })] },
      }),
    );
  });

  it('is the same for every request of a user, in whichever session', () => {
    const key = claimOf('k', request({ user_id: 'Ann' })).key;
    expect(claimOf('k', request({ user_id: ' ann ', session_id: 's' })).key).toBe(key);
    expect(claimOf('k', request({ user_id: 'ann', session_id: 't' })).key).toBe(key);
  });

  it('is never that of another key, user or session', () => {
    const claims = [
      claimOf('k', request({ user_id: 'ann' })),
      claimOf('l', request({ user_id: 'ann' })),
      claimOf('k', request({ user_id: 'bob' })),
      claimOf('k', request({ session_id: 'ann' })),
      claimOf('k', request({ session_id: 's' })),
      claimOf('k', request()),
    ];
    expect(new Set(claims.map(({ key }) => key)).size).toBe(claims.length);
  });

  it('knows a body again, whatever the order of its members', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (metadata) => {
        const body = request({ metadata, on_busy: 'queue', session_id: 's' });
        const other = reversed(body) as RunRequest;
        expect(claimOf('k', other)).toEqual(claimOf('k', body));
        const spelled = { ...body, user_id: undefined };
        expect(claimOf('k', spelled)).toEqual(claimOf('k', body));
      }),
    );
  });

  it('knows another body from the first', () => {
    const bodies: Partial<RunRequest>[] = [
      {},
      { user_prompt: 'q' },
      { on_busy: 'reject' },
      { metadata: {} },
      { metadata: { a: 1 } },
      { metadata: { a: '1' } },
      { metadata: { a: null } },
      { metadata: { a: [1, 2] } },
      { metadata: { a: [2, 1] } },
      { metadata: { a: { b: 1 } } },
      { metadata: { a: [['b', 1]] } },
      { metadata: { a: {} } },
      { metadata: { a: [] } },
    ];
    const hashes = bodies.map((body) => claimOf('k', request(body)).bodyHash);
    expect(new Set(hashes).size).toBe(bodies.length);
  });
});
