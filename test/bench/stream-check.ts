const LINE_FEED = 10;
/** As much of an event as is looked at: the end of a run has its return code within. */
const HEAD_CHARS = 512;

const EVENT = /^(?:id: (\d+)\n)?event: (\S+)\ndata: /;
/** Says from where the stream goes on, or only that it is alive. */
const NO_EVENT = /^(?:\n?id: \d+\nretry: \d+|: heartbeat)$/;
/** How a line begins that is an event of a CLI. */
const NUMBER_MEMBER = '{"n":"';
/** Are in no log: they have the id of the event before them. */
const NOTICES = new Set(['queued', 'shutdown']);

/** What a stream must have in it. */
export interface Expected {
  /** How many lines of the agent. */
  lines: number;
  /** Of those lines as the agent writes them, line ends among them. */
  bytes: number;
  /** The number that the first of the lines begins with; 1 if absent. */
  firstLine?: number;
  /** The id of the first event; null where the server gives no ids. */
  firstId: number | null;
}

/** Told of the agent's lines as they come. */
export interface LineListener {
  onFirst?: () => void;
  /** Called with the text behind the number of each line, up to some hundred characters. */
  onLine?: (rest: string) => void;
}

/**
 * Takes a stream apart and checks it. Of every event it sees the kind, the id and, if the agent wrote
 * it, the number of the line; of what stands behind that only the bytes are counted.
 */
export class StreamCheck {
  private head = '';
  /** Of the event that has come in part. */
  private length = 0;
  private endsWithLf = false;
  private line: number;
  private bytes = 0;
  private nextId: number | null;
  private hasEnded = false;
  private fault: string | null = null;

  constructor(
    private readonly expected: Expected,
    private readonly listener: LineListener = {},
  ) {
    this.line = this.linesBefore;
    this.nextId = expected.firstId;
  }

  /** Takes the next bytes of the stream. */
  push(chunk: Buffer): void {
    const text = chunk.toString('latin1');
    let from = 0;
    if (this.endsWithLf && text.charCodeAt(0) === LINE_FEED) {
      // Without the first of the two line feeds, if the head is so short that it has it.
      this.event(this.head.slice(0, this.length - 1), this.length - 1);
      from = 1;
    }
    for (;;) {
      const end = text.indexOf('\n\n', from);
      if (end < 0) break;
      const head = this.head + text.slice(from, Math.min(end, from + HEAD_CHARS));
      this.event(head, this.length + end - from);
      from = end + 2;
    }
    if (this.head.length < HEAD_CHARS) this.head += text.slice(from, from + HEAD_CHARS);
    this.length += text.length - from;
    this.endsWithLf = from < text.length && text.charCodeAt(text.length - 1) === LINE_FEED;
  }

  /**
   * What came.
   * @throws if an id or a line is missing, comes twice or out of order, if there are more or fewer
   *   lines or bytes than expected, if something came that is no event, if the agent failed, or if the
   *   end is not there or not the last
   */
  end(): { agentEvents: number; lastId: number | null } {
    const { expected } = this;
    const agentEvents = this.line - this.linesBefore;
    if (!this.hasEnded) this.wrong('the end is missing');
    if (this.length > 0) this.wrong(`something came behind the end: ${this.head}`);
    if (agentEvents !== expected.lines) {
      this.wrong(`${agentEvents} lines came of ${expected.lines}`);
    }
    if (this.bytes !== expected.bytes) {
      this.wrong(`${this.bytes} bytes came of ${expected.bytes}`);
    }
    if (this.fault !== null) throw new Error(`a stream is wrong: ${this.fault}`);
    return { agentEvents, lastId: this.nextId === null ? null : this.nextId - 1 };
  }

  private get linesBefore(): number {
    return (this.expected.firstLine ?? 1) - 1;
  }

  private event(head: string, length: number): void {
    this.head = '';
    this.length = 0;
    const found = EVENT.exec(head);
    if (found === null) {
      if (!NO_EVENT.test(head)) this.wrong(`this is no event: ${head}`);
      return;
    }
    const type = found[2]!;
    if (NOTICES.has(type)) return;
    if (this.hasEnded) this.wrong(`something came behind the end: ${head}`);
    this.checkId(found[1] === undefined ? null : Number(found[1]), type);
    if (type === 'runner.exit') {
      this.hasEnded = true;
      if (!/"return_code":0[,}]/.test(head)) this.wrong(`the agent failed: ${head}`);
    }
    if (type === 'agent') this.checkLine(head.slice(found[0].length), length - found[0].length);
  }

  private checkId(id: number | null, type: string): void {
    if (id !== this.nextId) this.wrong(`event ${id} came where ${this.nextId} was due`);
    if (id === 1 && type !== 'meta') this.wrong(`the first event is ${type}`);
    if (this.nextId !== null) this.nextId += 1;
  }

  private checkLine(text: string, length: number): void {
    if (this.line === this.linesBefore) this.listener.onFirst?.();
    this.line += 1;
    // The line end, which the stream has elsewhere.
    this.bytes += length + 1;
    const start = text.startsWith(NUMBER_MEMBER) ? NUMBER_MEMBER.length : 0;
    const number = text.slice(start, start + 8);
    if (Number(number) !== this.line) this.wrong(`line ${this.line} is ${number}`);
    this.listener.onLine?.(text.slice(9));
  }

  /** The first fault is the one that is told: others follow from it. */
  private wrong(fault: string): void {
    this.fault ??= fault;
  }
}
