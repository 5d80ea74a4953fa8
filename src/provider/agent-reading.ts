import type { Activity } from './activity.js';
import type { AgentError, AgentErrorCode } from './agent-error.js';

/** What one line of a CLI's stdout says. */
export interface LineReading {
  /** What it shows; nothing for a line that is known and tells nobody anything. */
  activities: readonly Activity[];
  /** What it says of the run's result, where it does. */
  verdict?: Verdict;
}

/** What a CLI itself says of how its work has ended. */
export interface Verdict {
  outcome: 'succeeded' | 'failed';
  /** Of a failure, where the CLI says why. */
  error?: AgentError;
  /** The last message, where the CLI repeats it. */
  resultText?: string;
  /** How often the model was asked, where the CLI counts it. */
  turns?: number;
}

/** Understands the output of one CLI. */
export interface AgentReading {
  /**
   * Texts of which each line that can matter to the result has at least one; a line without any is not
   * parsed while the run goes on. ASCII, and rather long: the search goes on in
   * steps of the shortest. None means that every line matters.
   */
  readonly signs: readonly string[];
  /** Whether the CLI says of every run that ends by itself how it went: then saying nothing is a failure. */
  readonly concludes: boolean;
  /**
   * What one `usage` counts: a turn, which is one question to the model, all of the run, or all of the
   * talk, the runs before among it.
   */
  readonly usageSpan: 'turn' | 'run' | 'talk';
  /** Whether its cost is that of all of the talk, although its tokens are not. */
  readonly costsTalks?: boolean;
  /** Reads one line, without its end. Pure; may throw for a line that is not of this CLI. */
  read(line: string): LineReading;
  /** What the CLI's own exit statuses mean, of those that mean something. */
  readonly exitCodes: Readonly<Record<number, AgentErrorCode>>;
}

/** Lines of more bytes are not parsed. */
export const MAX_READ_BYTES = 1024 * 1024;

const UNKNOWN: LineReading = { activities: [{ type: 'unknown' }] };

/** Reads one line of an agent, whatever stands in it: what cannot be read is `unknown`. */
export function readLine(reading: AgentReading, line: Buffer): LineReading {
  if (line.length > MAX_READ_BYTES) return UNKNOWN;
  try {
    return reading.read(line.toString('utf8'));
  } catch {
    return UNKNOWN;
  }
}
