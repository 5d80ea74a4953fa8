import { errorCodeOf } from './agent-error.js';

describe('the code of a failure', () => {
  it.each([
    // gemini, without a key where one was chosen.
    ['[API Error: Could not load the default credentials. Browse to https://x.]', 'auth_missing'],
    ['[API Error: something else]', null],
  ])('is known by the words of %j', (message, code) => {
    expect(errorCodeOf(message)).toBe(code);
  });
});
