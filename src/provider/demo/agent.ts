/**
 * The demo agent: a small program that behaves like an agent's CLI. It reads a prompt from stdin,
 * says what it does in codex-style JSON lines, integrates a damped oscillator, and leaves the result
 * in `outputs/`. It needs no key and no network.
 */
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';

/** Between two steps, so that a person can watch the stream. */
const STEP_PAUSE_MS = 150;
const OUTPUTS = 'outputs';

const mode = process.argv[2] ?? 'workspace-write';
let itemCount = 0;

function say(event: object): void {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}

async function sayItem(item: { type: string; [member: string]: unknown }): Promise<void> {
  itemCount += 1;
  say({ type: 'item.completed', item: { id: `item_${itemCount}`, ...item } });
  await pause(STEP_PAUSE_MS);
}

interface Sample {
  time: number;
  position: number;
  energy: number;
}

/** x'' + 2γx' + ω²x = 0 with γ = 0.1 s⁻¹, ω = 2 s⁻¹, x(0) = 1 m, at rest; fourth-order Runge-Kutta. */
function simulate(): { samples: Sample[]; largestError: number } {
  const gamma = 0.1;
  const omega = 2;
  const step = 0.01;
  const samples: Sample[] = [];
  let [x, v] = [1, 0];
  let largestError = 0;
  const acceleration = (position: number, velocity: number) =>
    -2 * gamma * velocity - omega ** 2 * position;
  for (let i = 0; i <= 2000; i += 1) {
    const time = i * step;
    const damped = Math.sqrt(omega ** 2 - gamma ** 2);
    const exact =
      Math.exp(-gamma * time) *
      (Math.cos(damped * time) + (gamma / damped) * Math.sin(damped * time));
    largestError = Math.max(largestError, Math.abs(x - exact));
    if (i % 10 === 0) samples.push({ time, position: x, energy: (v * v + omega ** 2 * x * x) / 2 });
    const [kx1, kv1] = [v, acceleration(x, v)];
    const [kx2, kv2] = [
      v + (step / 2) * kv1,
      acceleration(x + (step / 2) * kx1, v + (step / 2) * kv1),
    ];
    const [kx3, kv3] = [
      v + (step / 2) * kv2,
      acceleration(x + (step / 2) * kx2, v + (step / 2) * kv2),
    ];
    const [kx4, kv4] = [v + step * kv3, acceleration(x + step * kx3, v + step * kv3)];
    x += (step / 6) * (kx1 + 2 * kx2 + 2 * kx3 + kx4);
    v += (step / 6) * (kv1 + 2 * kv2 + 2 * kv3 + kv4);
  }
  return { samples, largestError };
}

/** Writes the samples under a name that is still free, and gives its path. */
async function save(samples: Sample[]): Promise<string> {
  await mkdir(OUTPUTS, { recursive: true });
  const taken = new Set(await readdir(OUTPUTS));
  let number = 1;
  while (taken.has(`demo-${number}.csv`)) number += 1;
  const path = `${OUTPUTS}/demo-${number}.csv`;
  const rows = samples.map(({ time, position, energy }) =>
    [time.toFixed(2), position.toFixed(6), energy.toFixed(6)].join(','),
  );
  await writeFile(path, `time_s,position_m,energy_per_mass_J_kg\n${rows.join('\n')}\n`, {
    flag: 'wx',
  });
  return path;
}

const prompt = await text(process.stdin);
say({ type: 'thread.started', thread_id: crypto.randomUUID() });
say({ type: 'turn.started' });
await sayItem({
  type: 'agent_message',
  text: `You asked: ${prompt.trim().slice(0, 200)}\nThis is the demo agent. It knows one thing: a damped oscillator.`,
});
const { samples, largestError } = simulate();
await sayItem({
  type: 'reasoning',
  text: `Integrated 2000 steps of 0.01 s; the largest deviation from the exact solution is ${largestError.toExponential(1)} m.`,
});
if (mode === 'read-only') {
  await sayItem({
    type: 'agent_message',
    text: 'The sandbox is read-only, so nothing was written.',
  });
} else {
  const path = await save(samples);
  const change = { type: 'file_change', changes: [{ path, kind: 'add' }] };
  // It has the number that the next one gets.
  say({
    type: 'item.started',
    item: { id: `item_${itemCount + 1}`, ...change, status: 'in_progress' },
  });
  await sayItem({ ...change, status: 'completed' });
  await sayItem({
    type: 'agent_message',
    text: `The oscillator loses half its energy every ${(Math.LN2 / 0.2).toFixed(2)} s. The samples are in ${path}.`,
  });
}
// No model was asked, so there are no tokens.
say({
  type: 'turn.completed',
  usage: { input_tokens: 0, cached_input_tokens: 0, output_tokens: 0 },
});
