import { newSessionId, SESSION_ID } from './session-id.js';

describe('a session id', () => {
  it.each(['a', '7', 'A.b_c-d', 'a..b', `a${'-'.repeat(127)}`])('may be %j', (text) => {
    expect(SESSION_ID.test(text)).toBe(true);
  });

  it.each([
    '',
    '.',
    '..',
    '../../x',
    '/a',
    'a/b',
    'a\\b',
    '.hidden',
    '-rf',
    '_a',
    'a b',
    'a\n',
    '\na',
    'a\0',
    'é',
    'ａ',
    `a${'-'.repeat(128)}`,
  ])('may not be %j', (text) => {
    expect(SESSION_ID.test(text)).toBe(false);
  });

  it('is made anew as 32 hex digits of a uuid4', () => {
    const ids = Array.from({ length: 100 }, newSessionId);
    expect(new Set(ids).size).toBe(100);
    for (const id of ids) {
      expect(id).toMatch(/^[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}$/);
      expect(SESSION_ID.test(id)).toBe(true);
    }
  });
});
