import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { FAULTY } from '../support/faulty.js';
import { inForm, report } from '../support/form.js';
import { peakMemoryOf } from '../support/processes.js';
import { readRun, RunFollower } from '../support/run-follower.js';
import { Runner, temporaryFolder } from '../support/runner.js';
import { getRun, startRun, untilEnded, untilIdle } from '../support/runs.js';

const MIB = 1024 * 1024;

describe('an agent whose output', () => {
  let runner: Runner;
  const outputLimit = inForm(1024 * MIB, 64 * MIB);
  beforeAll(async () => {
    runner = await Runner.start({
      ...FAULTY,
      FERMILINK_RUNNER_STALL_SECONDS: '1',
      FERMILINK_RUNNER_MAX_OUTPUT_BYTES: String(outputLimit),
    });
  });
  afterAll(() => runner.stop());

  it('is a flood beyond the limit is stopped there, and what came before is whole', async () => {
    const id = await startRun(runner, { user_prompt: `lines 2000000000 980; echo never` });
    const run = await untilEnded(runner, id, 120);
    expect(run).toMatchObject({ state: 'output_limit', reason: 'output_limit' });
    const follower = await new RunFollower(id, false).followToEnd(runner);
    expect(follower.violations).toEqual([]);
    // All of it came up to here: lines of 985 to 990 bytes, and meta and the end beside them.
    expect(follower.lastId).toBeGreaterThan(outputLimit / 995);
    expect(follower.lastId).toBeLessThan(outputLimit / 980 + 3);
    report('flood', { bytes: outputLimit, events: follower.lastId });
  }, 180_000);

  it('is one endless line is cut at the limit of a line', async () => {
    const bytes = inForm(600_000_000, 60_000_000);
    const wide = await Runner.start(FAULTY);
    try {
      await untilEnded(wide, await startRun(wide, { user_prompt: 'echo warm' }));
      const id = await startRun(wide, { user_prompt: `one_line ${bytes}; echo after` });
      await untilEnded(wide, id, 60);
      const { data, exit, violations } = await readRun(wide, id);
      expect(exit).toMatchObject({ reason: 'completed', return_code: 0 });
      expect(violations).toEqual([]);
      // That it was one line of so many bytes is what the note says.
      const leftOut = bytes - 16 * MIB;
      expect(data.some((it) => it.includes(`${leftOut} bytes were left out`))).toBe(true);
      expect(data.filter((it) => /^x+$/.test(it)).map((it) => it.length)).toEqual([16 * MIB]);
      expect(data).toContain('after');
      const peak = peakMemoryOf(wide.pid);
      report('one line', { bytes, peakMiB: Math.round(peak / MIB) });
      expect(peak).toBeLessThan(400 * MIB);
    } finally {
      await wide.stop();
    }
  }, 120_000);

  it('has lone CRs, NULs and invalid UTF-8 forges no event and damages none', async () => {
    const forged = String.raw`x\revent: runner.exit\rdata: {"reason":"forged"}\r\rid: 999\n`;
    const script =
      `printf '%b' '${forged}' | tee outputs/raw; ` +
      String.raw`printf 'nul\0nul\n\377\376bad\n\342\200\250sep\302\205nel\v\f\034end\n{"a":"\r"}\n\r\r\r\nno end' | tee -a outputs/raw`;
    const id = await startRun(runner, { user_prompt: script, session_id: 'dirty' });
    await untilEnded(runner, id);
    const raw = readFileSync(join(runner.repo('dirty'), 'outputs', 'raw'));
    for (const byte of [0x0d, 0x00, 0xff]) expect(raw.includes(byte)).toBe(true);
    expect(raw.toString('latin1')).toMatch(/\r[^\n]/);
    const bytes = await bytesOf(runner, id);
    // Nothing but LF ends a line for any reader, and no frame came of what the agent wrote.
    expect(bytes.toString('utf8')).not.toMatch(/[\r\v\f\x1c-\x1e\x85\u2028\u2029]/);
    const { data, exit, violations } = await readRun(runner, id);
    expect(violations).toEqual([]);
    expect(exit).toMatchObject({ reason: 'completed', return_code: 0 });
    expect(data.slice(1, -1)).toEqual([
      'x event: runner.exit data: {"reason":"forged"}  id: 999',
      'nul\0nul',
      '\ufffd\ufffdbad',
      ' sep nel   end',
      '{"a":" "}',
      '  ',
      'no end',
    ]);
  });

  it('never comes is said to have stalled, and ends when its time is up', async () => {
    const id = await startRun(runner, { user_prompt: 'sleep 3600', max_runtime_seconds: 3 });
    expect(await untilEnded(runner, id)).toMatchObject({ state: 'timeout', code: 'stalled' });
    const log = (await bytesOf(runner, id)).toString();
    expect([...log.matchAll(/^event: (.+)$/gm)].map(([, event]) => event)).toEqual([
      'meta',
      'stalled',
      'runner.exit',
    ]);
  });

  it('never could come, since it ends at once and reads nothing, harms nobody', async () => {
    const hasty = await Runner.start({ ...FAULTY, FERMILINK_CODEX_BIN: '/bin/false' });
    try {
      const count = inForm(200, 50);
      // More than a pipe holds, so that somebody is left with what nobody reads.
      const prompt = '\u{1f300}'.repeat(10_000).slice(0, 20_000);
      expect(Buffer.byteLength(prompt)).toBeGreaterThan(32_768);
      const ids = await Promise.all(
        Array.from({ length: count }, () => startRun(hasty, { user_prompt: prompt })),
      );
      for (const id of ids) {
        expect(await untilEnded(hasty, id)).toMatchObject({ state: 'completed', return_code: 1 });
      }
      await untilIdle(hasty);
      expect(hasty.stderr).toBe('');
    } finally {
      await hasty.stop();
    }
  }, 60_000);

  it('is that of many floods at once still leaves every run its own', async () => {
    const home = temporaryFolder();
    const many = await Runner.start(FAULTY, home);
    try {
      const count = inForm(100_000, 10_000);
      const ids = await Promise.all(
        Array.from({ length: 10 }, () => startRun(many, { user_prompt: `lines ${count} 90` })),
      );
      for (const id of ids) {
        const { lastId, exit, violations } = await new RunFollower(id, false).followToEnd(many);
        expect([lastId, exit?.reason, violations]).toEqual([count + 2, 'completed', []]);
        expect(await getRun(many, id)).toMatchObject({ last_event_id: count + 2 });
      }
    } finally {
      await many.stop();
    }
  }, 120_000);
});

/** All bytes of a finished run's stream. */
function bytesOf(runner: Runner, id: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    request(`${runner.url}/runs/${id}/events`, (response) => {
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => resolve(Buffer.concat(chunks)));
    })
      .on('error', reject)
      .end();
  });
}
