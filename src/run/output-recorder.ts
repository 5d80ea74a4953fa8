import { monotonicSeconds } from '../common/clock.js';
import type { RunnerConfig } from '../config/runner-config.js';
import type { AgentResult } from '../provider/agent-result.js';
import type { Launch } from '../provider/provider.service.js';
import { ResultCollector, type SeenExit } from '../provider/result-collector.js';
import type { Talk } from '../provider/talk.js';
import type { AgentSinks } from './agent-process.js';
import { logDataOf, safeAgentLines } from './safe-lines.js';
import type { LineSink } from './output-lines.js';
import { logData, stalledData } from './run-events.js';
import type { Redactor } from './redactor.js';
import type { RunMetrics } from './run-metrics.js';
import type { Run } from './run.js';

/** Turns what an agent writes into events of its run's log, and notes when it writes nothing. */
export class OutputRecorder {
  private readonly began = monotonicSeconds();
  private isSilent = true;
  private lastOutput = this.began;
  private stallTimer: NodeJS.Timeout | null = null;
  private readonly collector: ResultCollector;

  /** @param redactor replaces the secrets in what the agent writes; null if there are none */
  constructor(
    private readonly run: Run,
    { reading, talk }: Pick<Launch, 'reading' | 'talk'>,
    private readonly redactor: Redactor | null,
    private readonly config: RunnerConfig,
    private readonly metrics: RunMetrics,
  ) {
    this.collector = new ResultCollector(reading, talk);
    if (config.stallSeconds !== null) this.watchFor(config.stallSeconds, config.stallSeconds);
  }

  get sinks(): AgentSinks {
    return {
      stdout: {
        lines: (block, isCut) => this.agentLines(block, isCut),
        cut: this.cutNote('stdout'),
      },
      stderr: {
        lines: (block, isCut) => this.errorLines(block, isCut),
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

  /** What the agent made of its run, once it has had its last word. */
  result(exit: SeenExit): AgentResult {
    return this.collector.conclude(exit, (text) => this.redactor?.text(text) ?? text);
  }

  /** The agent's talk; null as long as it has not named it. */
  get talk(): Talk | null {
    return this.collector.talk;
  }

  /** The agent has ended: nothing is to be expected of it any more. */
  stop(): void {
    if (this.stallTimer !== null) clearTimeout(this.stallTimer);
  }

  private agentLines(block: Buffer, isCut: boolean): void {
    const safe = safeAgentLines(block);
    if (safe.length === 0) return;
    if (this.isSilent) {
      this.isSilent = false;
      const { provider } = this.run;
      this.metrics.firstAgentEvent.observe({ provider }, monotonicSeconds() - this.began);
    }
    // As clients will see them: what becomes a secret only by being made safe is one, too.
    const shown = this.redactor?.lines(safe, isCut) ?? safe;
    this.collector.lines(shown);
    this.run.log.appendLines('agent', shown);
  }

  private errorLines(block: Buffer, isCut: boolean): void {
    const shown = this.redactor?.decodedLines(block, isCut) ?? block;
    const data = logDataOf(shown);
    if (data.length === 0) return;
    this.collector.noteWords(shown);
    this.run.log.appendLines('log', data);
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
