import type { FieldError, RunnerError } from '../common/errors.js';
import { policyInBody } from './policy-body.js';

const WHOLE = {
  provider: 'codex',
  sandbox_policy: 'enforce',
  sandbox_mode: 'read-only',
  model: null,
  reasoning_effort: null,
};

function faultsIn(json: string): FieldError[] {
  try {
    policyInBody(JSON.parse(json));
  } catch (error) {
    expect(error).toMatchObject({ code: 'invalid_request' });
    return (error as RunnerError).facts.errors!;
  }
  return [];
}

const fieldsOf = (body: unknown) => faultsIn(JSON.stringify(body)).map(({ field }) => field);

describe('the body of a change of the policy', () => {
  it('is read as the file is', () => {
    const given = { ...WHOLE, provider: ' Codex ', model: ' m ', reasoning_effort: 'HIGH' };
    expect(policyInBody(given)).toEqual({ ...WHOLE, model: 'm', reasoning_effort: 'high' });
  });

  it('may leave everything to its default, if it says so', () => {
    const nothing = Object.fromEntries(Object.keys(WHOLE).map((name) => [name, null]));
    expect(policyInBody(nothing)).toEqual(nothing);
  });

  it('may send back what the server has set itself', () => {
    expect(fieldsOf({ ...WHOLE, version: 1, updated_at: '2026-01-01T00:00:00Z' })).toEqual([]);
    expect(fieldsOf({ ...WHOLE, version: 2 })).toEqual(['version']);
  });

  it.each(Object.keys(WHOLE))('must not leave out %s', (name) => {
    expect(fieldsOf({ ...WHOLE, [name]: undefined })).toEqual([name]);
  });

  it('is told every fault by its field', () => {
    const body = { provider: 7, sandbox_policy: 'x', sandbox_mode: [], model: '-m', more: 1 };
    expect(fieldsOf(body)).toEqual([
      'more',
      'reasoning_effort',
      'provider',
      'sandbox_policy',
      'sandbox_mode',
      'model',
    ]);
  });

  it.each([
    ['__proto__', '__proto__'],
    ['constructor', 'constructor'],
    ['a\\u0000\\u2028b', 'a??b'],
    ['x'.repeat(1000), `${'x'.repeat(63)}…`],
  ])('may not hold %j', (name, named) => {
    const json = `${JSON.stringify(WHOLE).slice(0, -1)},"${name}":{"provider":"demo"}}`;
    expect(faultsIn(json)).toEqual([{ field: named, message: 'is no member of the policy' }]);
  });

  it('is answered shortly, however long it is', () => {
    const many = Object.fromEntries(Array.from({ length: 50_000 }, (_, index) => [`m${index}`, 1]));
    expect(fieldsOf({ ...WHOLE, ...many })).toHaveLength(20);
  });

  it.each(['null', '[]', '"codex"', '7', 'true'])('must be an object, not %s', (json) => {
    expect(faultsIn(json)).toMatchObject([{ field: 'body' }]);
  });
});
