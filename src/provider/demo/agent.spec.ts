import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { compileSource } from '../../../test/support/compiled-source.js';

interface DemoEvent {
  type: string;
  item?: { id: string; type: string; text?: string; changes?: { path: string }[] };
  usage?: Record<string, number>;
}

let folder: string;
let repo: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'fermilink-demo-'));
  repo = join(folder, 'repo');
  mkdirSync(repo);
  compileSource(['provider/demo'], join(folder, 'built'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Runs the agent as the server does: prompt on stdin, then closed, and next to no environment. */
async function run(prompt: string, mode: string) {
  const agent = join(folder, 'built', 'provider', 'demo', 'agent.js');
  const child = spawn(process.execPath, [agent, mode], { cwd: repo, env: {} });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  child.stdin.end(prompt);
  const [stdout, stderr, code] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    exited,
  ]);
  const events = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as DemoEvent);
  return { code, stderr, events };
}

describe('the demo agent', () => {
  it.each(['workspace-write', 'bypass'])('works and reports in JSON lines (%s)', async (mode) => {
    const { code, stderr, events } = await run('--help\nwith "quotes"', mode);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(events.map((event) => event.item?.type ?? event.type)).toEqual([
      'thread.started',
      'turn.started',
      'agent_message',
      'reasoning',
      'file_change',
      'file_change',
      'agent_message',
      'turn.completed',
    ]);
    expect(events[2]?.item?.text).toContain('--help\nwith "quotes"');
    const completed = events.filter(({ type }) => type === 'item.completed');
    const ids = completed.map(({ item }) => item!.id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(events.at(-1)?.usage).toEqual({
      input_tokens: 0,
      cached_input_tokens: 0,
      output_tokens: 0,
    });
  });

  it('leaves a result that is right', async () => {
    const { events } = await run('Simulate something', 'workspace-write');
    const change = events.find((event) => event.item?.type === 'file_change');
    expect(change?.item?.changes?.map(({ path }) => path)).toEqual(['outputs/demo-1.csv']);
    const [header, ...rows] = readFileSync(join(repo, 'outputs/demo-1.csv'), 'utf8')
      .trimEnd()
      .split('\n');
    expect(header).toBe('time_s,position_m,energy_per_mass_J_kg');
    expect(rows).toHaveLength(201);
    const damped = Math.sqrt(4 - 0.01);
    for (const row of rows) {
      const [time, position, energy] = row.split(',').map(Number) as [number, number, number];
      const exact =
        Math.exp(-0.1 * time) *
        (Math.cos(damped * time) + (0.1 / damped) * Math.sin(damped * time));
      expect(position).toBeCloseTo(exact, 5);
      expect(energy).toBeLessThanOrEqual(2);
    }
  });

  it('never overwrites an earlier result', async () => {
    mkdirSync(join(repo, 'outputs'));
    writeFileSync(join(repo, 'outputs', 'demo-1.csv'), 'mine');
    await run('Again', 'workspace-write');
    expect(readdirSync(join(repo, 'outputs')).sort()).toEqual(['demo-1.csv', 'demo-2.csv']);
    expect(readFileSync(join(repo, 'outputs', 'demo-1.csv'), 'utf8')).toBe('mine');
  });

  it('writes nothing where it may only read, and says so', async () => {
    const { code, events } = await run('Simulate something', 'read-only');
    expect(code).toBe(0);
    expect(readdirSync(repo)).toEqual([]);
    const messages = events.flatMap((event) => event.item?.text ?? []);
    expect(messages.join('\n')).toMatch(/nothing was written/);
    expect(JSON.stringify(events)).not.toContain('file_change');
  });

  it('reads a long prompt to its end', async () => {
    const { code, events } = await run('x'.repeat(500_000), 'read-only');
    expect(code).toBe(0);
    expect(events[2]?.item?.text?.length).toBeLessThan(400);
  });
});
