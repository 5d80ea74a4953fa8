import { cursorOf, requireKnown } from './cursor.js';

describe('a cursor', () => {
  it.each([
    [undefined, undefined, 0],
    ['', '', 0],
    ['0', undefined, 0],
    [' ', '4', 4],
    [undefined, '12', 12],
    ['7', '12', 7],
    ['0', '12', 0],
    [' 7 ', undefined, 7],
    ['999999999999999', undefined, 999_999_999_999_999],
  ])('of Last-Event-ID %j and after %j is %i', (header, after, expected) => {
    expect(cursorOf(header, after)).toBe(expected);
  });

  it.each([
    ['x', undefined],
    ['-1', undefined],
    ['1.5', undefined],
    ['1e3', undefined],
    ['0x10', undefined],
    ['x', '4'],
    [undefined, '-1'],
    [undefined, ['1', '2']],
    [undefined, { a: '1' }],
  ])('may not be Last-Event-ID %j and after %j', (header, after) => {
    expect(() => cursorOf(header, after)).toThrow(
      expect.objectContaining({ code: 'cursor_invalid' }),
    );
  });

  it('is known up to the last event', () => {
    requireKnown(0, 0);
    requireKnown(5, 5);
    for (const [cursor, last] of [
      [1, 0],
      [6, 5],
    ] as const) {
      expect(() => requireKnown(cursor, last)).toThrow(
        expect.objectContaining({ code: 'cursor_unknown' }),
      );
    }
  });
});
