import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { eventFrame } from './event-frame.js';
import { FileRunLogs } from './file-run-log.js';
import type { RunLog } from './run-log.js';

const never = new AbortController().signal;

async function readAll(log: RunLog): Promise<string> {
  const reader = log.reader();
  const pieces: Buffer[] = [];
  for (;;) {
    const piece = await reader.next(never);
    if (piece === null) break;
    expect(piece.length).toBeLessThanOrEqual(256 * 1024);
    pieces.push(piece);
  }
  reader.close();
  return Buffer.concat(pieces).toString('utf8');
}

describe('FileRunLog', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'fermilink-log-'))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  const create = (bufferBytes = 1 << 20) =>
    new FileRunLogs(join(folder, 'runs'), bufferBytes).create('r');
  const descriptors = () => readdirSync('/proc/self/fd').length;

  it('gives every reader every event once, whenever it comes and whatever the sizes', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(600_000), fc.constantFrom('append', 'turn', 'reader'))),
        fc.constantFrom(64 * 1024, 1 << 20),
        async (steps, bufferBytes) => {
          const log = create(bufferBytes);
          const readers = [readAll(log)];
          let text = '';
          let id = 0;
          for (const [size, step] of steps) {
            if (step === 'reader') readers.push(readAll(log));
            else if (step === 'turn') await new Promise(setImmediate);
            else {
              const data = 'é'.repeat(size >> 4);
              log.append('agent', data);
              text += eventFrame((id += 1), 'agent', data);
            }
          }
          log.seal('runner.exit', '{}');
          log.publishEnd();
          readers.push(readAll(log));
          text += eventFrame(id + 1, 'runner.exit', '{}');
          // Compared here: a difference of megabytes takes minutes to print.
          for (const read of readers) expect((await read) === text).toBe(true);
          expect(log.lastEventId).toBe(id + 1);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('shows the end only when it is published', async () => {
    const log = create();
    log.append('meta', '{}');
    log.seal('runner.exit', '{}');
    const reader = log.reader();
    expect((await reader.next(never))?.toString()).toBe('id: 1\nevent: meta\ndata: {}\n\n');
    let shown = false;
    const end = reader.next(never).then((piece) => {
      shown = true;
      return piece;
    });
    await new Promise(setImmediate);
    expect(shown).toBe(false);
    log.publishEnd();
    expect((await end)?.toString()).toBe('id: 2\nevent: runner.exit\ndata: {}\n\n');
    expect(await reader.next(never)).toBeNull();
    reader.close();
  });

  it('leaves no file and no descriptor behind, also when a reader goes away in between', async () => {
    const before = descriptors();
    const log = create();
    log.append('agent', 'x');
    const gone = new AbortController();
    const reader = log.reader();
    await reader.next(gone.signal);
    const waiting = reader.next(gone.signal);
    gone.abort(new Error('gone'));
    await expect(waiting).rejects.toThrow('gone');
    reader.close();
    log.seal('runner.exit', '{}');
    log.publishEnd();
    expect(readdirSync(join(folder, 'runs'))).toEqual([]);
    expect(descriptors()).toBe(before);
  });

  it('tells when it cannot be written, and gives the end without an id', async () => {
    writeFileSync(join(folder, 'file'), '');
    const log = new FileRunLogs(join(folder, 'file'), 1 << 20).create('r');
    const causes: unknown[] = [];
    log.onBroken = (cause) => causes.push(cause);
    log.append('agent', 'lost');
    await new Promise(setImmediate);
    expect(causes).toHaveLength(1);
    log.append('agent', 'ignored');
    log.seal('runner.exit', '{"reason":"failed"}');
    log.publishEnd();
    expect(await readAll(log)).toBe('event: runner.exit\ndata: {"reason":"failed"}\n\n');
  });
});
