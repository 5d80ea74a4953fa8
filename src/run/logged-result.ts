import { fairTurn, isTurnSpent } from '../common/fair-turn.js';
import type { AgentReading } from '../provider/agent-reading.js';
import type { AgentResult } from '../provider/agent-result.js';
import { ResultCollector } from '../provider/result-collector.js';
import type { Talk } from '../provider/talk.js';
import { FRAME_END } from './log-frames.js';
import type { RunLog } from './run-log.js';

const FRAME = /^id: \d+\nevent: (agent|log)\ndata: /;
/** More than the longest beginning of such a frame. */
const MAX_HEAD_BYTES = 64;
const LINE_FEED = Buffer.from('\n');

/** What an agent has made of its run, and the talk that it was. */
export interface SaidInLog {
  result: AgentResult;
  talk: Talk | null;
}

/**
 * Reads from its log what an agent has made of a run whose end nobody saw: as it was read while the run went
 * on, but for lines of over 1 MiB, of which nothing is parsed then either. In small pieces, with turns for
 * others between them.
 * @throws the signal's reason when it is aborted
 */
export async function saidInLog(
  log: RunLog,
  reading: AgentReading,
  signal: AbortSignal,
): Promise<SaidInLog> {
  const collector = new ResultCollector(reading);
  const reader = log.reader(0);
  try {
    // A reader of a log without an end would wait for more behind this.
    for (let left = log.size; left > 0;) {
      const wasBetween = reader.isBetweenEvents;
      const batch = (await reader.next(signal))!;
      left -= batch.length;
      if (wasBetween && reader.isBetweenEvents) collect(batch, collector);
      if (isTurnSpent()) await fairTurn();
    }
  } finally {
    reader.close();
  }
  const result = collector.conclude({ returnCode: null, isOwn: false });
  return { result, talk: collector.talk };
}

/** @param batch whole frames */
function collect(batch: Buffer, collector: ResultCollector): void {
  const lines: Buffer[] = [];
  const words: Buffer[] = [];
  for (let at = 0; at < batch.length;) {
    const end = batch.indexOf(FRAME_END, at);
    const head = FRAME.exec(batch.toString('latin1', at, Math.min(at + MAX_HEAD_BYTES, end)));
    if (head !== null) {
      const data = batch.subarray(at + head[0].length, end);
      if (head[1] === 'agent') lines.push(data);
      else words.push(Buffer.from((JSON.parse(data.toString('utf8')) as { text: string }).text));
    }
    at = end + FRAME_END.length;
  }
  if (lines.length > 0) collector.lines(joined(lines));
  if (words.length > 0) collector.noteWords(joined(words));
}

function joined(lines: readonly Buffer[]): Buffer {
  return Buffer.concat(lines.flatMap((line, index) => (index === 0 ? [line] : [LINE_FEED, line])));
}
