import type { Readable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { fairTurn, isTurnSpent } from '../common/fair-turn.js';
import { freeMemory } from '../common/free-memory.js';
import type { OutputLines } from './output-lines.js';

/** How many bytes of output are taken in before the time is looked at, between what a read gives and this. */
const MAX_PIECE_BYTES = 64 * 1024;
const MIN_PIECE_BYTES = 2 * 1024;

/** More than the system holds of a pipe whose reader is behind. */
const MAX_UNREAD_BYTES = 1024 * 1024;
/** After so many turns of the event loop in which a pipe gave nothing, it has nothing. */
const IDLE_TURNS = 3;

const PASSED = -1;

/** Counts what an agent writes, and lets nothing more pass once it is too much. */
export class OutputMeter {
  /** Bytes that may still pass; `PASSED` once the limit was passed, and told. */
  private left: number;

  /**
   * @param limit in bytes, of all pipes together
   * @param told of every chunk before it is passed on, and once that the limit is reached
   */
  constructor(
    limit: number,
    private readonly told: { output: () => void; outputLimit: () => void },
  ) {
    this.left = limit;
  }

  /** What of a chunk is still within the limit. */
  pass(chunk: Buffer): Buffer {
    this.told.output();
    if (chunk.length <= this.left) {
      this.left -= chunk.length;
      return chunk;
    }
    const rest = chunk.subarray(0, Math.max(this.left, 0));
    if (this.left >= 0) this.told.outputLimit();
    this.left = PASSED;
    return rest;
  }
}

/**
 * One pipe of an agent, read to its end or until it is closed. A chunk may hold tens of thousands of
 * lines, and an agent may write one after the other: what is more than this turn of the event loop has
 * time for waits, and the pipe with it.
 */
export class OutputPipe {
  /** Resolves when the pipe has ended or is closed, and all that was read of it was passed on. */
  readonly ended: Promise<void>;
  /** What is still to be taken in before more is read. */
  private rest: Buffer | null = null;
  /** The chunk that it is part of, if nobody else needs that. */
  private chunk: Buffer | null = null;
  private pieceBytes = MAX_PIECE_BYTES;
  private bytesRead = 0;

  constructor(
    private readonly pipe: Readable,
    private readonly lines: OutputLines,
    private readonly meter: OutputMeter,
  ) {
    pipe.on('data', (chunk: Buffer) => this.receive(chunk));
    pipe.on('error', () => undefined);
    this.ended = new Promise((resolve) => {
      pipe.once('close', () => {
        if (this.rest !== null) lines.push(this.rest);
        this.rest = null;
        lines.end();
        resolve();
      });
    });
  }

  /**
   * Closes the pipe of an agent that has exited, once all is read that lies in it: the agent's own last
   * words among it, however long others had their turns before. Who else holds the pipe and goes on
   * writing is not listened to any longer.
   */
  async close(): Promise<void> {
    const enough = this.bytesRead + MAX_UNREAD_BYTES;
    let idle = 0;
    while (!this.pipe.closed && idle < IDLE_TURNS && this.bytesRead < enough) {
      const before = this.bytesRead;
      await nextTurn();
      const isIdle = this.rest === null && this.bytesRead === before;
      idle = isIdle ? idle + 1 : 0;
    }
    this.pipe.destroy();
    await this.ended;
  }

  private receive(chunk: Buffer): void {
    this.bytesRead += chunk.length;
    const passed = this.meter.pass(chunk);
    if (this.rest === null) {
      this.chunk = chunk;
      this.takeIn(passed);
      return;
    }
    // At the exit of a child Node lets all its pipes flow, also one that was to wait.
    this.rest = Buffer.concat([this.rest, passed]);
    this.chunk = null;
    this.pipe.pause();
  }

  private takeIn(bytes: Buffer): void {
    for (let at = 0; at < bytes.length;) {
      if (isTurnSpent()) {
        this.rest = bytes.subarray(at);
        this.pipe.pause();
        void fairTurn().then(() => this.goOn());
        return;
      }
      const began = performance.now();
      this.lines.push(bytes.subarray(at, at + this.pieceBytes));
      at += this.pieceBytes;
      const milliseconds = performance.now() - began;
      // Lines that are short cost more than their bytes.
      if (milliseconds > 2) this.pieceBytes = Math.max(this.pieceBytes / 2, MIN_PIECE_BYTES);
      else if (milliseconds < 0.5) {
        this.pieceBytes = Math.min(this.pieceBytes * 2, MAX_PIECE_BYTES);
      }
    }
    if (this.chunk !== null) freeMemory(this.chunk);
    this.chunk = null;
  }

  private goOn(): void {
    const { rest } = this;
    if (rest === null) return;
    this.rest = null;
    this.takeIn(rest);
    if (this.rest === null) this.pipe.resume();
  }
}
