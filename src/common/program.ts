import { spawn } from 'node:child_process';

/** How a helper program ended. */
export interface ProgramResult {
  /** Exit status; null if a signal ended it. */
  code: number | null;
  /** The beginning of what it wrote to stderr. */
  complaint: string;
  /** The beginning of what it wrote to stdout, where that was asked for. */
  output: string;
}

export interface ProgramOptions {
  cwd?: string;
  /** Its whole environment; nothing of the server's is handed on. */
  env?: Record<string, string>;
  /** A descriptor of this process that it gets as descriptor 3. */
  descriptor?: number;
  /** Characters of its stdout that are kept, or a few more; without it stdout goes nowhere. */
  maxOutput?: number;
  /** Signals to the group of this process, as a terminal sends them, do not reach it. */
  isApart?: boolean;
  /** Kills it when it is aborted. */
  signal?: AbortSignal;
}

const MAX_COMPLAINT_BYTES = 2000;

/**
 * Runs one of the small system programs that the server leans on (`rm`, `flock`, `git`) and waits for
 * its end without holding up the event loop. Agents are started elsewhere (`run/agent-process.ts`).
 * @throws if it cannot be started; the signal's reason, once the program has ended
 */
export function runProgram(
  command: string,
  args: readonly string[],
  { cwd, env = {}, descriptor, maxOutput, isApart = false, signal }: ProgramOptions = {},
): Promise<ProgramResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env,
      detached: isApart,
      signal,
      killSignal: 'SIGKILL',
      stdio: [
        'ignore',
        maxOutput === undefined ? 'ignore' : 'pipe',
        'pipe',
        ...(descriptor === undefined ? [] : [descriptor]),
      ],
    });
    let complaint = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      if (complaint.length < MAX_COMPLAINT_BYTES) complaint += chunk.toString();
    });
    let output = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      if (output.length < maxOutput!) output += chunk.toString();
    });
    child.on('error', (cause) => {
      // A program that is killed ends all the same, and only then it holds nothing any more.
      if (signal?.aborted) return;
      reject(new Error(`The program "${command}" could not be started.`, { cause }));
    });
    child.on('close', (code) => {
      if (signal?.aborted) reject(signal.reason as Error);
      else resolve({ code, complaint: complaint.trim(), output });
    });
  });
}
