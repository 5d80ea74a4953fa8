import { isJsonObject, jsonObjectIn, withoutComments } from './json.js';

describe('a JSON object', () => {
  it('is neither null nor a list nor a single value', () => {
    for (const value of [null, undefined, [], [{}], 'x', 1, true]) {
      expect(isJsonObject(value)).toBe(false);
    }
    for (const value of [{}, { a: 1 }, Object.create(null)]) expect(isJsonObject(value)).toBe(true);
  });

  it.each([null, undefined, '', '{', 'null', '[]', '"x"', '7'])(
    'is an empty one where the text is %j',
    (text) => expect(jsonObjectIn(text)).toEqual({}),
  );

  it('is what the text holds', () => expect(jsonObjectIn('{"a": [1]}')).toEqual({ a: [1] }));
});

describe('comments in JSON', () => {
  it.each([
    ['{} // all', {}],
    ['{/* none */}', {}],
    ['// "a\n{"a": 1}', { a: 1 }],
    ['{"a": 1, /* b: */ // c\n "b": 2}', { a: 1, b: 2 }],
    ['{"url": "http://x/*y*/"}', { url: 'http://x/*y*/' }],
    ['{"a": "\\\\" // "\n}', { a: '\\' }],
    ['{"a": "\\"// no"}', { a: '"// no' }],
  ])('are left out of %j', (text, value) => {
    expect(JSON.parse(withoutComments(text))).toEqual(value);
  });
});
