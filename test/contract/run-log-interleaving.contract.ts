import fc from 'fast-check';
import { eventFrame } from '../../src/run/event-frame.js';
import type { RunLog, RunLogs } from '../../src/run/run-log.js';
import {
  endOf,
  eventsIn,
  flushed,
  nextWhole,
  range,
  type RunLogStorage,
} from './run-log-fixture.js';

type Step =
  | { do: 'append'; bytes: number }
  /** An event for each of the lines. */
  | { do: 'appendLines'; bytes: number[] }
  | { do: 'turn' }
  /** From a part of the events that there are. */
  | { do: 'follow'; part: number }
  | { do: 'cut'; follower: number }
  /** An event of another run. */
  | { do: 'other'; bytes: number }
  /** Leaves a part of the next event behind. */
  | { do: 'crash'; part: number };

const part = fc.double({ min: 0, max: 1, noNaN: true });

const bytes = fc.oneof(
  { weight: 4, arbitrary: fc.nat(200) },
  { weight: 2, arbitrary: fc.nat(100_000) },
  { weight: 1, arbitrary: fc.integer({ min: 200_000, max: 1_500_000 }) },
);

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('append' as const), bytes }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('appendLines' as const),
      bytes: fc.array(bytes, { minLength: 1, maxLength: 5 }),
    }),
  },
  { weight: 4, arbitrary: fc.constant({ do: 'turn' as const }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('follow' as const), part }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('cut' as const), follower: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('other' as const), bytes }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('crash' as const), part }) },
);

/** Text of about so many bytes, of characters of one to four bytes, that no other event has. */
function textOf(id: number, bytes: number): string {
  return `${id}: ${'aé€🙂'.repeat(bytes / 10)}`;
}

/** Reads a log as a client does that loses its connection, and comes back by the id it has. */
class Client {
  /** The last event that it has. */
  private has: number;
  private connection: AbortController | null = null;
  private reading: Promise<void> = Promise.resolve();

  /** @param said the data of all events there are, which grows */
  constructor(
    readonly after: number,
    private readonly said: readonly string[],
  ) {
    this.has = after;
  }

  follow(log: RunLog): void {
    const connection = new AbortController();
    this.connection = connection;
    this.reading = this.read(log, connection.signal);
    // Failures are seen where the reading is awaited.
    this.reading.catch(() => undefined);
  }

  /** Cuts the connection. */
  async cut(): Promise<void> {
    this.connection?.abort('cut');
    await this.reading;
  }

  /** Waits for the end of the log, and gives the last event it had. */
  async finish(): Promise<number> {
    await this.reading;
    return this.has;
  }

  private async read(log: RunLog, signal: AbortSignal): Promise<void> {
    const reader = log.reader(this.has);
    try {
      for (;;) {
        const batch = await nextWhole(reader, signal).catch((error: unknown) => {
          if (error !== 'cut') throw error;
          return null;
        });
        if (batch === null) break;
        for (const { id, data } of eventsIn(batch)) {
          if (id !== this.has + 1) throw new Error(`${id} came after ${this.has}`);
          if (data !== this.said[id - 1]) throw new Error(`event ${id} has other data`);
          this.has = id;
        }
        const last = await reader.lastReadId();
        if (last !== this.has) throw new Error(`${last} was said to be the last, not ${this.has}`);
      }
    } finally {
      reader.close();
    }
  }
}

/** Takes the steps, and follows the log all the while. */
class Interleaving {
  private readonly said: string[] = [];
  private readonly clients: Client[] = [];
  private logs: RunLogs;
  private log: RunLog;
  private other: RunLog;
  private otherSaid = 0;

  constructor(
    private readonly storage: RunLogStorage,
    private readonly runId: string,
    private readonly bufferBytes: number,
  ) {
    this.logs = storage.open(bufferBytes);
    this.log = this.logs.create(runId);
    this.other = this.logs.create(`${runId}-other`);
    this.follow(0);
  }

  async take(step: Step): Promise<void> {
    switch (step.do) {
      case 'append':
        this.said.push(textOf(this.said.length + 1, step.bytes));
        this.log.append('agent', this.said.at(-1)!);
        break;
      case 'appendLines': {
        const said = this.said.length;
        this.said.push(...step.bytes.map((bytes, index) => textOf(said + 1 + index, bytes)));
        const block = Buffer.from(this.said.slice(said).join('\n'));
        this.log.appendLines('agent', block);
        // Whoever reads the lines of an agent writes the next ones over them.
        block.fill('-');
        break;
      }
      case 'turn':
        await flushed();
        break;
      case 'follow':
        this.follow(Math.round(step.part * this.log.lastEventId));
        break;
      case 'cut': {
        const client = this.clients[step.follower % this.clients.length]!;
        await client.cut();
        client.follow(this.log);
        break;
      }
      case 'other':
        // All logs share the memory in which events wait.
        this.other.append('agent', 'x'.repeat(step.bytes));
        this.otherSaid += 1;
        break;
      case 'crash':
        await this.crash(step.part);
    }
  }

  async end(): Promise<void> {
    this.said.push('{}');
    expect(await endOf(this.log)).toBe(this.said.length);
    this.follow(0);
    for (const client of this.clients) expect(await client.finish()).toBe(this.said.length);
    expect(await endOf(this.other)).toBe(this.otherSaid + 1);
    expect(this.logs.isInUse(this.runId)).toBe(false);
    for (const id of [this.runId, `${this.runId}-other`]) this.logs.remove(id);
  }

  private follow(after: number): void {
    const client = new Client(after, this.said);
    client.follow(this.log);
    this.clients.push(client);
  }

  private async crash(part: number): Promise<void> {
    // What waits in memory dies with a server, and nobody has seen it; here it is to be compared.
    await flushed();
    await Promise.all(this.clients.map((client) => client.cut()));
    this.log.abandon();
    this.other.abandon();
    const next = Buffer.from(eventFrame(this.said.length + 1, 'agent', textOf(0, 50_000 * part)));
    this.storage.tear(this.runId, next.subarray(0, Math.floor(part * (next.length - 1))));
    this.logs = this.storage.open(this.bufferBytes);
    const { log, end } = this.logs.recover(this.runId);
    expect([log.lastEventId, end]).toEqual([this.said.length, null]);
    this.log = log;
    this.other = this.logs.recover(`${this.runId}-other`).log;
    expect(this.other.lastEventId).toBe(this.otherSaid);
    for (const client of this.clients) client.follow(log);
  }
}

/** Whatever happens in whatever order, every follower gets every event once. */
export function describeLogInterleavings(storage: () => RunLogStorage): void {
  it('gives every follower every event once, in any interleaving of what can happen', async () => {
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 40, size: 'max' }),
        fc.constantFrom(512, 64 * 1024, 1 << 20),
        async (steps, bufferBytes) => {
          runs += 1;
          const interleaving = new Interleaving(storage(), `run-${runs}`, bufferBytes);
          for (const step of steps) await interleaving.take(step);
          await interleaving.end();
        },
      ),
      { numRuns: 60 },
    );
    expect(runs).toBeGreaterThanOrEqual(60);
  });

  it('gives a follower that is cut after every batch every event once', async () => {
    const logs = storage().open(64 * 1024);
    const log = logs.create('often-cut');
    for (const id of range(1, 400)) {
      log.append('agent', textOf(id, id % 7 === 0 ? 300_000 : 3_000));
    }
    await endOf(log);
    let has = 0;
    while (has < 401) {
      const reader = log.reader(has);
      const events = eventsIn((await nextWhole(reader))!);
      expect(events[0]!.id).toBe(has + 1);
      has = await reader.lastReadId();
      expect(has).toBe(events.at(-1)!.id);
      reader.close();
    }
    expect(logs.isInUse('often-cut')).toBe(false);
  });
}
