import * as fc from 'fast-check';
import { join } from 'node:path';
import { type Described, operationsOf, requestTo } from '../bad-input/fuzz.js';
import { bytesOf, send } from '../bad-input/wire.js';
import type { ApiDocument } from '../support/conformity/document.js';
import { ApiContract } from '../support/conformity/api-contract.js';
import { PROJECT, Runner } from '../support/runner.js';
import { StreamClient } from '../support/stream-client.js';

/** Milliseconds that may go into it; `FUZZ_SECONDS` for a longer one. */
const TIME_MS = Number(process.env.FUZZ_SECONDS ?? 20) * 1000;
/** Seconds after which a request counts as one that hangs: more than a cancel waits for its run. */
const PATIENCE_SECONDS = 15;

describe('requests made from the description of the API', () => {
  let runner: Runner;
  beforeAll(async () => {
    // It says what it is asked, and does nothing of it.
    const agent = join(PROJECT, 'test', 'support', 'echo-agent.sh');
    runner = await Runner.start({ FERMILINK_CODEX_BIN: agent });
  });
  afterAll(() => runner.stop());

  it('are all answered, none of them by a failure of the server', async () => {
    const document = await runner.getJson('/openapi.json');
    const contract = new ApiContract(document as unknown as ApiDocument);
    const first = await StreamClient.open(runner, { user_prompt: 'x', session_id: 'known' });
    await first.all();
    const runId = String(first.response.headers.location).slice('/runs/'.length);
    const known = {
      id: [runId, 'known'],
      session_id: ['known'],
      cursor: [runId],
      path: ['projects', 'projects/memory.md', 'AGENTS.md'],
      view: ['raw', 'activity'],
    };
    const described = document as unknown as Described;
    const operations = operationsOf(described);
    expect(operations.length).toBeGreaterThan(5);
    const seed = Number(process.env.TEST_SEED ?? Date.now() % 2 ** 31);
    process.stdout.write(`seed: TEST_SEED=${seed}\n`);
    const answers = new Map<string, number>();
    const property = fc.asyncProperty(
      fc.oneof(...operations.map((operation) => requestTo(operation, described, known))),
      async (request) => {
        const answer = await send(runner.url, bytesOf(request), PATIENCE_SECONDS);
        const { code = '' } = answer.headers.get('content-type')?.includes('problem+json')
          ? (JSON.parse(answer.body || '{}') as { code?: string })
          : {};
        const kind = `${answer.status} ${code}`.trim();
        answers.set(kind, (answers.get(kind) ?? 0) + 1);
        const { method = 'GET', path = '/' } = request;
        const faults = contract.faultsOf({
          method,
          path,
          status: answer.status,
          body: answer.body,
          header: (name) => answer.headers.get(name.toLowerCase()) ?? null,
        });
        if (faults.length > 0) throw new Error(`${method} ${path}: ${faults.join('; ')}`);
        if (answer.status === 500) throw new Error(`${request.name}: ${answer.body}`);
      },
    );
    await fc.assert(property, {
      seed,
      numRuns: 1_000_000,
      interruptAfterTimeLimit: TIME_MS,
      markInterruptAsFailure: false,
    });
    const total = [...answers.values()].reduce((sum, count) => sum + count, 0);
    process.stdout.write(
      `  fuzz: ${total} requests: ${JSON.stringify(Object.fromEntries(answers))}\n`,
    );
    expect(total).toBeGreaterThan(100);
    expect(runner.logLines.filter(({ level }) => level === 'fatal')).toEqual([]);
    expect((await fetch(`${runner.url}/health/live`)).status).toBe(200);
  });
});
