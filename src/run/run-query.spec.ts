import { newRunId } from './run-id.js';
import { filterOf } from './run-query.js';
import { RUN_STATES } from './run-record.js';

const nothing = { userKey: null, sessionId: null, state: null, limit: 50, before: null };

describe('the filter of a list of runs', () => {
  it('lets everything pass by itself', () => {
    expect(filterOf({})).toEqual(nothing);
    const blank = { user_id: '', session_id: '', state: '', limit: '', cursor: '' };
    expect(filterOf(blank)).toEqual(nothing);
  });

  it('takes every parameter', () => {
    const cursor = newRunId();
    const query = { user_id: ' Ann ', session_id: 's', state: 'lost', limit: '200', cursor };
    expect(filterOf(query)).toEqual({
      userKey: 'user:ann',
      sessionId: 's',
      state: 'lost',
      limit: 200,
      before: cursor,
    });
  });

  it.each(RUN_STATES)('takes the state %s', (state) => {
    expect(filterOf({ state }).state).toBe(state);
  });

  it.each(['0', '-1', '201', '1.5', 'x', ' ', 'NaN', '0x10', '1e2', '+5'])(
    'refuses a limit of %j',
    (limit) => {
      expect(() => filterOf({ limit })).toThrow(
        expect.objectContaining({
          code: 'invalid_request',
          facts: { errors: [{ field: 'limit', message: 'must be a whole number from 1 to 200' }] },
        }),
      );
    },
  );

  it('names every bad parameter at once', () => {
    const query = { user_id: ['a', 'b'], session_id: { a: '1' }, state: 'asleep', limit: '0' };
    expect(() => filterOf(query)).toThrow(
      expect.objectContaining({
        facts: {
          errors: ['user_id', 'session_id', 'state', 'limit'].map(
            (field) => expect.objectContaining({ field }) as unknown,
          ),
        },
      }),
    );
  });

  it.each(['x', '..', '1', 'A'.repeat(32)])('refuses the cursor %j', (cursor) => {
    expect(() => filterOf({ cursor })).toThrow(expect.objectContaining({ code: 'cursor_invalid' }));
  });
});
