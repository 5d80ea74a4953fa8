import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { FAULTY } from '../support/faulty.js';
import { inForm, report } from '../support/form.js';
import { Runner } from '../support/runner.js';
import { startRun, untilEnded } from '../support/runs.js';

/** With its frames the log passes 1 GiB; what the agent writes stays below its limit of that. */
const LINES = inForm(1_050_000, 100_000);
const RESUMES = 20;
/** The bound, in milliseconds; the short form runs beside other things. */
const MOST_MS = inForm(50, 1000);

describe('a client that comes back near the end of a long log', () => {
  it('has its first event at once, and delays no other stream', async () => {
    const runner = await Runner.start(FAULTY);
    const long = await startRun(runner, { user_prompt: `lines ${LINES} 1000` });
    const { last_event_id: last } = await untilEnded(runner, long, 180);
    expect(last).toBe(LINES + 2);

    const ticking = await startRun(runner, {
      user_prompt: `perl -e '$| = 1; while (1) { print "tick\\n"; select undef, undef, undef, 0.005 }'`,
    });
    const other = await open(runner, `/runs/${ticking}/events`);
    let heard = performance.now();
    let longestSilence = 0;
    other.on('data', () => {
      const now = performance.now();
      longestSilence = Math.max(longestSilence, now - heard);
      heard = now;
    });
    await once(other, 'data');

    longestSilence = 0;
    const waits: number[] = [];
    for (let resume = 0; resume < RESUMES; resume += 1) {
      const after = last - 1 - resume * 50;
      const began = performance.now();
      const response = await open(runner, `/runs/${long}/events?after=${after}`);
      let text = '';
      for await (const chunk of response) {
        text += String(chunk);
        if (text.includes(`id: ${after + 1}\n`)) break;
      }
      waits.push(performance.now() - began);
      // Had it not come, the stream would have ended.
      expect(text).toContain(`id: ${after + 1}\n`);
      response.destroy();
    }
    const median = waits.sort((a, b) => a - b)[RESUMES / 2]!;
    report('resume', {
      bytes: LINES * 1000,
      medianMs: Number(median.toFixed(1)),
      longestMs: Number(waits.at(-1)!.toFixed(1)),
      longestSilenceMs: Math.round(longestSilence),
    });
    expect(median).toBeLessThan(MOST_MS);
    expect(longestSilence).toBeLessThan(2 * MOST_MS);
    other.destroy();
    await runner.stop();
  }, 300_000);
});

function open(runner: Runner, path: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    get(runner.url + path, { agent: false }, resolve).on('error', reject);
  });
}
