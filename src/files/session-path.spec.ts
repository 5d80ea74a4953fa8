import { RunnerError } from '../common/errors.js';
import { pathIn, pathOf, requireChangeable, shownName } from './session-path.js';

const codeOf = (work: () => unknown) => {
  try {
    work();
    return null;
  } catch (error) {
    return (error as RunnerError).code;
  }
};

describe('a path in a session', () => {
  it.each(['a', 'a/b', '...', '.a', 'a\\b', '..a', 'a b', 'x'.repeat(255), 'ü'.repeat(127), '\n'])(
    'may be %j',
    (text) => expect(pathIn(text)).toEqual(text.split('/')),
  );

  it.each([
    '.',
    '..',
    'a/..',
    'a//b',
    '/a',
    'a/',
    'a\0',
    'x'.repeat(256),
    'ü'.repeat(128),
    'a/'.repeat(2050) + 'a',
  ])('may not be %j', (text) => expect(codeOf(() => pathIn(text))).toBe('path_invalid'));

  it('is the top where it is empty, and none where it is given twice', () => {
    expect([pathIn(''), pathIn(undefined)]).toEqual([[], []]);
    expect(codeOf(() => pathIn(['a', 'b']))).toBe('path_invalid');
    expect(codeOf(() => pathOf(['a/b']))).toBe('path_invalid');
  });

  it('is kept for the server or for git where either writes', () => {
    const change = (text: string) => codeOf(() => requireChangeable(pathIn(text), ['QWEN.md']));
    for (const text of ['AGENTS.md', 'Agents.MD/x', 'qwen.md', '.git', 'a/.Git/b']) {
      expect([text, change(text)]).toEqual([text, 'path_reserved']);
    }
    for (const text of ['a/AGENTS.md', '.gitignore', 'projects/memory.md', 'CLAUDE.md']) {
      expect([text, change(text)]).toEqual([text, null]);
    }
  });

  it('shows the bytes of what is no text', () => {
    expect(shownName(Buffer.from('aü'))).toEqual({ text: 'aü', isText: true });
    expect(shownName(Buffer.from('a\xe9', 'latin1'))).toEqual({ text: 'a\\xE9', isText: false });
  });
});
