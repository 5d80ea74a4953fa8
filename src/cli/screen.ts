import { once } from 'node:events';
import { styleText } from 'node:util';
import stringWidth from 'string-width';
import { safeText } from './safe-text.js';

const SPINNER = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const REDRAW_MS = 120;
/** To the beginning of the line, and away with it. */
const CLEAR_LINE = '\r\x1b[2K';
const DEFAULT_COLUMNS = 80;

export type Style = 'bold' | 'dim' | 'green' | 'red' | 'yellow' | 'cyan';

/** Where a command writes: lines that stay, and on a terminal one that is rewritten in its place below them. */
export class Screen {
  private status: (() => string) | null = null;
  private isDrawn = false;
  private turn = 0;
  private redraw: NodeJS.Timeout | null = null;
  private readonly graphemes = new Intl.Segmenter();

  /**
   * @param isLive shows what is going on in a line of its own
   * @param hasColor colours what it writes
   */
  constructor(
    private readonly out: NodeJS.WriteStream,
    private readonly isLive: boolean,
    private readonly hasColor: boolean,
  ) {}

  /** Writes text from elsewhere, escaped, each of its lines behind `prefix`. */
  text(text: string, style?: Style, prefix = ''): void {
    for (const line of safeText(text).split('\n')) this.raw(this.styled(prefix + line, style));
  }

  /** Writes a line that holds nothing unsafe. */
  raw(line: string): void {
    this.clear();
    this.out.write(`${line}\n`);
  }

  /** What is going on, asked for whenever it is drawn; null for nothing. */
  show(status: (() => string) | null): void {
    this.status = status;
    if (!this.isLive) return;
    if (status === null) {
      this.clear();
      if (this.redraw !== null) clearInterval(this.redraw);
      this.redraw = null;
      return;
    }
    this.redraw ??= setInterval(() => {
      this.turn += 1;
      this.draw();
    }, REDRAW_MS).unref();
    this.draw();
  }

  /** Waits until what was written is taken: a slow reader must not fill the memory. */
  async taken(signal: AbortSignal): Promise<void> {
    if (this.out.writableNeedDrain) await once(this.out, 'drain', { signal });
  }

  /** Waits until all that was written has been handed over, or cannot be any more. */
  written(): Promise<void> {
    return new Promise((resolve) => this.out.write('', () => resolve()));
  }

  styled(text: string, style?: Style): string {
    if (!this.hasColor || style === undefined || text === '') return text;
    return styleText(style, text, { validateStream: false });
  }

  private draw(): void {
    if (!this.isLive || this.status === null) return;
    const head = `${SPINNER[this.turn % SPINNER.length]} `;
    // The last column stays free: some terminals begin a new line as soon as it is taken.
    const columns = (this.out.columns || DEFAULT_COLUMNS) - 1;
    const line = this.fitting(head + safeText(this.status()), columns);
    this.out.write(CLEAR_LINE + this.styled(line, 'dim'));
    this.isDrawn = true;
  }

  private clear(): void {
    if (!this.isDrawn) return;
    this.out.write(CLEAR_LINE);
    this.isDrawn = false;
  }

  /** The beginning of a text that has room in so many columns. */
  private fitting(text: string, columns: number): string {
    const line = text.replace(/\s+/g, ' ');
    if (stringWidth(line) <= columns) return line;
    let shown = '';
    let width = 0;
    for (const { segment } of this.graphemes.segment(line)) {
      width += stringWidth(segment);
      if (width > columns - 1) break;
      shown += segment;
    }
    return columns > 0 ? `${shown}…` : '';
  }
}
