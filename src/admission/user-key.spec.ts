import { userKeyOf } from './user-key.js';

describe('the key of a user', () => {
  it.each([
    ['Ann@Lab.org', 'user:ann@lab.org'],
    ['  Ann\t', 'user:ann'],
    [null, 'session:S1'],
    ['', 'session:S1'],
    [' \t ', 'session:S1'],
  ])('of %j is %s', (userId, key) => {
    expect(userKeyOf(userId, 'S1')).toBe(key);
  });
});
