import { monotonicSeconds } from '../common/clock.js';
import type { RunnerConfig } from '../config/runner-config.js';
import type { AgentSinks } from './agent-process.js';
import { safeAgentLines, textLines } from './event-frame.js';
import type { LineSink } from './output-lines.js';
import { logData, stalledData } from './run-events.js';
import type { RunMetrics } from './run-metrics.js';
import type { Run } from './run.js';

/** Turns what an agent writes into events of its run's log, and notes when it writes nothing. */
export class OutputRecorder {
  private readonly began = monotonicSeconds();
  private isSilent = true;
  private lastOutput = this.began;
  private stallTimer: NodeJS.Timeout | null = null;

  constructor(
    private readonly run: Run,
    private readonly config: RunnerConfig,
    private readonly metrics: RunMetrics,
  ) {
    if (config.stallSeconds !== null) this.watchFor(config.stallSeconds, config.stallSeconds);
  }

  get sinks(): AgentSinks {
    return {
      stdout: { lines: (block) => this.agentLines(block), cut: this.cutNote('stdout') },
      stderr: {
        lines: (block) => textLines(block).forEach((text) => this.note(text)),
        cut: this.cutNote('stderr'),
      },
      output: () => {
        this.lastOutput = monotonicSeconds();
        this.run.isStalled = false;
      },
      outputLimit: () => {
        this.run.stop({
          reason: 'output_limit',
          code: null,
          detail: `The agent wrote more than the limit of ${this.config.maxOutputBytes} bytes.`,
        });
      },
    };
  }

  /** The agent has ended: nothing is to be expected of it any more. */
  stop(): void {
    if (this.stallTimer !== null) clearTimeout(this.stallTimer);
  }

  private agentLines(block: Buffer): void {
    const safe = safeAgentLines(block);
    if (safe.length === 0) return;
    if (this.isSilent) {
      this.isSilent = false;
      const { provider } = this.run;
      this.metrics.firstAgentEvent.observe({ provider }, monotonicSeconds() - this.began);
    }
    this.run.log.appendLines('agent', safe);
  }

  private note(text: string): void {
    this.run.log.append('log', logData(text));
  }

  private cutNote(pipe: string): LineSink['cut'] {
    return (leftOutBytes) => {
      this.note(
        `[runner] A line on ${pipe} was cut at ${this.config.maxLineBytes} bytes; ${leftOutBytes} bytes were left out.`,
      );
    };
  }

  /** Looks again when the silence would have lasted long enough; one event for each silence. */
  private watchFor(limit: number, seconds: number): void {
    this.stallTimer = setTimeout(() => {
      const silent = monotonicSeconds() - this.lastOutput;
      if (silent < limit) {
        this.watchFor(limit, limit - silent);
        return;
      }
      if (!this.run.isStalled) this.run.log.append('stalled', stalledData(silent));
      this.run.isStalled = true;
      this.watchFor(limit, limit);
    }, seconds * 1000);
  }
}
