import fc from 'fast-check';
import { normalizePackageId, shownPackageId, tryNormalizePackageId } from './package-id.js';

describe('the normal form of a package id', () => {
  it.each([
    ['MaxwellLink', 'maxwelllink'],
    ['  a b\tc ', 'a-b-c'],
    ['a--b', 'a-b'],
    ['a/../b', 'a-b'],
    ['__proto__', 'proto'],
    ['-_a_b-c_-', 'a_b-c'],
    ['ÄÖ 7', 'äö-7'],
    ['物理-工具', '物理-工具'],
    ['٣', '٣'],
    ['a\0b', 'a-b'],
  ])('of %j is %j', (raw, id) => {
    expect(normalizePackageId(raw)).toBe(id);
  });

  it.each(['', '   ', '---', '_-_', '../..', '\0'])('does not exist for %j', (raw) => {
    expect(tryNormalizePackageId(raw)).toBeNull();
    expect(() => normalizePackageId(raw)).toThrow(
      expect.objectContaining({ code: 'package_invalid' }),
    );
  });

  it('is one safe name, and its own normal form', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (raw) => {
        const id = tryNormalizePackageId(raw);
        if (id === null) return;
        expect(id).toMatch(/^[\p{L}\p{N}_-]+$/u);
        expect(id).not.toMatch(/^[-_]|[-_]$|--/);
        expect(tryNormalizePackageId(id)).toBe(id);
      }),
      { numRuns: 500 },
    );
  });

  it.each(['_', '-', '-_', ' ', '_ '])('costs little for a long run of %j', (part) => {
    const raw = `a${part.repeat(100_000 / part.length)}a`;
    const before = performance.now();
    expect(tryNormalizePackageId(raw)).not.toBeNull();
    expect(performance.now() - before).toBeLessThan(1000);
  });

  it('is shortened where it is shown', () => {
    expect(shownPackageId('My Package')).toBe('My Package');
    expect(shownPackageId('x'.repeat(5000)).length).toBeLessThan(200);
  });
});
