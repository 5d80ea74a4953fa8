import { fairTurn, isTurnSpent } from '../common/fair-turn.js';
import type { Activity } from '../provider/activity.js';
import { type AgentReading, readLine } from '../provider/agent-reading.js';
import { eventFrame, safeJson } from './event-frame.js';
import { FRAME_END, idOfFrame } from './log-frames.js';

const AGENT_HEAD = Buffer.from('\nevent: agent\ndata: ');
const UNKNOWN: Activity = { type: 'unknown' };

/**
 * Shows a log in the project's vocabulary: for each `agent` event the `activity` events that its line
 * gives, all others as they are. Made while a client follows, and stored nowhere.
 */
export class ActivityView {
  /** What becomes of the parts of a long event: the number of one that is unknown, or they go on as they are. */
  private long: { unknownId: number } | 'as it is' | null = null;

  /**
   * @param reading asked for when the first line comes: a run that waits has no provider yet
   * @param redacted takes the secrets out of a text: the line may have had one with other escapes
   */
  constructor(
    private readonly reading: () => AgentReading | null,
    private readonly redacted: (text: string) => string,
  ) {}

  /**
   * @param batch frames of a log, with their ids
   * @param isWhole the batch ends with an event; otherwise it is a part of a long one
   * @returns what is to be sent; may be empty
   */
  async of(batch: Buffer, isWhole: boolean): Promise<Buffer | string> {
    if (!isWhole || this.long !== null) return this.part(batch, isWhole);
    const shown: string[] = [];
    for (let at = 0; at < batch.length;) {
      const end = batch.indexOf(FRAME_END, at) + FRAME_END.length;
      shown.push(this.frame(batch.subarray(at, end)));
      at = end;
      if (isTurnSpent()) await fairTurn();
    }
    return shown.join('');
  }

  /** An event that comes in parts is longer than any line that is parsed. */
  private part(part: Buffer, isLast: boolean): Buffer | string {
    this.long ??= isOfAgent(part) ? { unknownId: idOfFrame(part)! } : 'as it is';
    const { long } = this;
    if (isLast) this.long = null;
    if (long === 'as it is') return part;
    return isLast ? eventFrame(long.unknownId, 'activity', safeJson(UNKNOWN)) : '';
  }

  private frame(frame: Buffer): string {
    if (!isOfAgent(frame)) return frame.toString('utf8');
    const id = idOfFrame(frame);
    const dataAt = frame.indexOf('\n') + AGENT_HEAD.length;
    const shown = this.read(frame.subarray(dataAt, -FRAME_END.length));
    // Whoever has the last of them has the whole event, and whoever has lost it gets all of them again.
    const frames = shown.map((data, i) =>
      eventFrame(i === shown.length - 1 ? id : null, 'activity', data),
    );
    return frames.length === 0 ? `id: ${id}\n\n` : frames.join('');
  }

  /** The activities of a line, as JSON. */
  private read(line: Buffer): string[] {
    const reading = this.reading();
    try {
      const activities = reading === null ? [UNKNOWN] : readLine(reading, line).activities;
      return activities.map((it) => this.redacted(safeJson(it)));
    } catch {
      // What is nested too deep can be read, but not written.
      return [safeJson(UNKNOWN)];
    }
  }
}

function isOfAgent(frame: Buffer): boolean {
  const headAt = frame.indexOf('\n');
  return frame.subarray(headAt, headAt + AGENT_HEAD.length).equals(AGENT_HEAD);
}
