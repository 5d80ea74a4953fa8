import { EventEmitter } from 'node:events';
import { Screen } from './screen.js';

/** A terminal that only remembers. */
class Terminal extends EventEmitter {
  written = '';
  writableNeedDrain = false;
  constructor(public columns: number | undefined) {
    super();
  }
  write(text: string): boolean {
    this.written += text;
    return true;
  }
}

const on = (terminal: Terminal, isLive = true, hasColor = false) =>
  new Screen(terminal as unknown as NodeJS.WriteStream, isLive, hasColor);
const CLEAR = '\r\x1b[2K';

describe('the line of what goes on', () => {
  it('goes away before another line, and for good', () => {
    const terminal = new Terminal(80);
    const screen = on(terminal);
    screen.show(() => 'working');
    screen.text('hello');
    screen.show(() => 'still working');
    screen.show(null);
    screen.text('done');
    expect(terminal.written).toBe(
      `${CLEAR}⠋ working${CLEAR}hello\n${CLEAR}⠋ still working${CLEAR}done\n`,
    );
  });

  it.each([
    [20, 'plain words are cut here', '⠋ plain words are …'],
    [20, '日本語日本語日本語日本語', '⠋ 日本語日本語日本…'],
    [12, '👩‍🔬👩‍🔬👩‍🔬👩‍🔬👩‍🔬👩‍🔬', '⠋ 👩‍🔬👩‍🔬👩‍🔬👩‍🔬…'],
    [12, 'e\u0301e\u0301e\u0301e\u0301', '⠋ e\u0301e\u0301e\u0301e\u0301'],
    [1, 'nothing', ''],
    [80, 'a\nb\x1b[2J\tc', '⠋ a b\\x1b[2J c'],
  ])('has room in %d columns', (columns, text, shown) => {
    const terminal = new Terminal(columns);
    const screen = on(terminal);
    screen.show(() => text);
    screen.show(null);
    expect(terminal.written).toBe(`${CLEAR}${shown}${CLEAR}`);
  });

  it('takes a terminal that does not know how wide it is for a usual one', () => {
    const terminal = new Terminal(0);
    const screen = on(terminal);
    screen.show(() => 'x'.repeat(100));
    screen.show(null);
    expect(terminal.written).toBe(`${CLEAR}⠋ ${'x'.repeat(76)}…${CLEAR}`);
  });

  it('is not drawn where it could not be taken away', () => {
    const terminal = new Terminal(undefined);
    const screen = on(terminal, false);
    screen.show(() => 'working');
    screen.text('hello');
    screen.show(null);
    expect(terminal.written).toBe('hello\n');
  });
});

describe('a line that stays', () => {
  it('is escaped, and coloured where that is wanted', () => {
    const terminal = new Terminal(80);
    on(terminal, false).text('a\x1b[31m\nb', 'red', '> ');
    on(terminal, false, true).text('c\x1b', 'red', '> ');
    expect(terminal.written).toBe('> a\\x1b[31m\n> b\n\x1b[31m> c\\x1b\x1b[39m\n');
  });

  it('is waited for where nobody takes it, until somebody does or all is over', async () => {
    const terminal = new Terminal(80);
    const screen = on(terminal);
    await screen.taken(new AbortController().signal);
    terminal.writableNeedDrain = true;
    const over = new AbortController();
    const taken = screen.taken(over.signal);
    terminal.emit('drain');
    await taken;
    const never = screen.taken(over.signal);
    over.abort();
    await expect(never).rejects.toThrow('aborted');
  });
});
