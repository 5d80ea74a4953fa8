import type { Ticket } from './admission.js';
import type { AdmissionLimits } from './admission.js';
import { MemoryAdmission } from './memory-admission.js';

const SHORT = 1_000;
const LONG = 100_000;
const PAIRS = 5_000;
const REPETITIONS = 5;
/** log(LONG) / log(SHORT) is 1.7; the rest is for caches that a long queue does not fit in. */
const MOST_TIMES_AS_DEAR = 4;

interface Shape {
  name: string;
  ticket: (n: number) => Omit<Ticket, 'runId'>;
  limits: Partial<AdmissionLimits>;
}

const shapes: Shape[] = [
  {
    name: '10,000 users with one session each',
    ticket: (n) => ({ userKey: `user:${n % 10_000}`, sessionId: `s${n % 10_000}` }),
    limits: {},
  },
  {
    name: '10,000 users, a session for every run',
    ticket: (n) => ({ userKey: `user:${n % 10_000}`, sessionId: `s${n}` }),
    limits: {},
  },
  {
    name: 'one user, a session for every run',
    ticket: (n) => ({ userKey: 'user:ann', sessionId: `s${n}` }),
    limits: { perUserConcurrentRuns: 200 },
  },
  {
    name: 'one user, one session',
    ticket: () => ({ userKey: 'user:ann', sessionId: 's' }),
    limits: {},
  },
];

/** A queue of a given length under a steady load: for each run that ends another one comes. */
class Load {
  readonly admission: MemoryAdmission;
  private readonly holders: string[] = [];
  private ended = 0;
  private arrived = 0;

  constructor(private readonly shape: Shape) {
    this.admission = new MemoryAdmission({
      globalConcurrentRuns: 200,
      perUserConcurrentRuns: 10,
      maxQueueSize: null,
      maxPendingPerUser: null,
      ...shape.limits,
    });
  }

  async fill(waiting: number): Promise<void> {
    while ((await this.arrive(this.nextTicket())) !== waiting);
  }

  /** @returns seconds for one run that comes and one that is granted */
  pairs(): Promise<number> {
    return secondsFor(this.tickets(), async (ticket) => {
      await this.arrive(ticket);
      await this.end();
    });
  }

  /** @returns seconds for one run that comes, asks for its place and is withdrawn */
  visits(): Promise<number> {
    return secondsFor(this.tickets(), async (ticket) => {
      await this.admission.enqueue(ticket);
      await this.admission.position(ticket.runId);
      await this.admission.release(ticket.runId);
    });
  }

  async endAll(): Promise<void> {
    while (this.holders[this.ended] !== undefined) await this.end();
  }

  private tickets(): Ticket[] {
    return Array.from({ length: PAIRS }, () => this.nextTicket());
  }

  private nextTicket(): Ticket {
    const number = this.arrived;
    this.arrived += 1;
    return { runId: `run-${number}`, ...this.shape.ticket(number) };
  }

  private async arrive(ticket: Ticket): Promise<number | null> {
    const { position, granted } = await this.admission.enqueue(ticket);
    void granted.then(() => this.holders.push(ticket.runId));
    return position;
  }

  private async end(): Promise<void> {
    const runId = this.holders[this.ended];
    if (runId === undefined) throw new Error('no run holds a slot');
    this.ended += 1;
    await this.admission.release(runId);
  }
}

async function secondsFor(tickets: Ticket[], use: (t: Ticket) => Promise<void>): Promise<number> {
  const began = performance.now();
  for (const ticket of tickets) await use(ticket);
  return (performance.now() - began) / 1_000 / tickets.length;
}

async function best(measure: () => Promise<number>, so: number): Promise<number> {
  return Math.min(so, await measure());
}

const lines: string[] = [];
afterAll(() => process.stdout.write(`${lines.join('\n')}\n`));

describe.each(shapes)('100,000 waiting runs: $name', (shape) => {
  it('cost about as much each as 1,000 do, and leave nothing behind', async () => {
    const short = new Load(shape);
    const long = new Load(shape);
    await short.fill(SHORT);
    await long.fill(LONG);
    const cost = {
      shortPair: Infinity,
      longPair: Infinity,
      shortVisit: Infinity,
      longVisit: Infinity,
    };
    // Taken in turn, so that a busy machine slows both lengths alike.
    for (let i = 0; i < REPETITIONS; i += 1) {
      cost.shortPair = await best(() => short.pairs(), cost.shortPair);
      cost.longPair = await best(() => long.pairs(), cost.longPair);
      cost.shortVisit = await best(() => short.visits(), cost.shortVisit);
      cost.longVisit = await best(() => long.visits(), cost.longVisit);
    }
    const perSecond = Math.round(1 / cost.longPair);
    const ratio = cost.longPair / cost.shortPair;
    const visitRatio = cost.longVisit / cost.shortVisit;
    lines.push(
      `${shape.name}: ${perSecond} enqueue+grant/s at ${LONG} waiting, ` +
        `${ratio.toFixed(2)} times the cost at ${SHORT}; cancel ${visitRatio.toFixed(2)} times`,
    );
    expect((await long.admission.snapshot()).pendingTotal).toBe(LONG);
    // Ratios only: how many there are in a second is a figure of the machine, which is printed.
    expect(ratio).toBeLessThan(MOST_TIMES_AS_DEAR);
    expect(visitRatio).toBeLessThan(MOST_TIMES_AS_DEAR);
    await long.endAll();
    expect(long.admission.knownEntities).toBe(0);
  });
});

it('100,000 waiting runs of a user at the limit hold up nobody', async () => {
  const limits = { globalConcurrentRuns: 20, perUserConcurrentRuns: 10 };
  const admission = new MemoryAdmission({ ...limits, maxQueueSize: null, maxPendingPerUser: null });
  for (let i = 0; i < LONG; i += 1) {
    await admission.enqueue({ runId: `ann-${i}`, userKey: 'user:ann', sessionId: `ann-${i}` });
  }
  let held = 0;
  for (let i = 0; i < PAIRS; i += 1) {
    const bob = { runId: `bob-${i}`, userKey: 'user:bob', sessionId: 'bob' };
    if ((await admission.enqueue(bob)).position !== null) held += 1;
    await admission.release(bob.runId);
  }
  expect(held).toBe(0);
});
