import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { eventually } from './processes.js';
import { PROJECT } from './runner.js';

export const COMMAND_LINE = join(PROJECT, 'dist', 'cli', 'main.js');
const TERMINAL = join(PROJECT, 'test', 'support', 'terminal.py');

/** Commands that a test has not seen the end of. */
const started = new Set<ChildProcess>();
afterAll(() => {
  for (const child of started) {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
  }
});

/** `fermilink-runner` as a process of its own. */
export class CommandLine {
  /** What it has written so far. */
  out = '';
  err = '';

  private constructor(readonly process: ChildProcess) {
    started.add(process);
    process.stdout!.setEncoding('utf8').on('data', (text: string) => (this.out += text));
    process.stderr!.setEncoding('utf8').on('data', (text: string) => (this.err += text));
    process.stdin!.on('error', () => undefined);
  }

  /** Starts it with pipes. @param env besides PATH */
  static start(args: readonly string[], env: Record<string, string> = {}): CommandLine {
    return CommandLine.of([process.execPath, COMMAND_LINE, ...args], env);
  }

  /** Starts it in a terminal that is so wide. */
  static inTerminal(
    args: readonly string[],
    env: Record<string, string> = {},
    columns = 100,
  ): CommandLine {
    return CommandLine.of(
      ['python3', TERMINAL, String(columns), process.execPath, COMMAND_LINE, ...args],
      { TERM: 'xterm-256color', ...env },
    );
  }

  /** Starts a line of the shell; the command is `"$@"` there. */
  static inShell(
    line: string,
    args: readonly string[],
    env: Record<string, string> = {},
  ): CommandLine {
    const command = [process.execPath, COMMAND_LINE, ...args];
    return CommandLine.of(['/bin/bash', '-c', line, 'sh', ...command], env);
  }

  private static of(command: readonly string[], env: Record<string, string>): CommandLine {
    const [program, ...args] = command;
    // Without the environment of the tests, which may name another server.
    return new CommandLine(
      spawn(program!, args, { env: { PATH: process.env.PATH, HOME: '/nonexistent', ...env } }),
    );
  }

  type(text: string): void {
    this.process.stdin!.write(text);
  }

  /** Ends the input. */
  endInput(text = ''): void {
    this.process.stdin!.end(text);
  }

  /** Waits until it has written something. */
  says(text: string): Promise<string> {
    return eventually(
      () => this.out + this.err,
      (all) => all.includes(text),
    );
  }

  /** Waits for its end; gives the exit code. */
  async code(): Promise<number | null> {
    if (this.process.exitCode === null && this.process.signalCode === null) {
      await once(this.process, 'close');
    }
    return this.process.exitCode;
  }
}

/** Runs it to its end. */
export async function cli(
  args: readonly string[],
  env: Record<string, string> = {},
  input = '',
): Promise<{ out: string; err: string; code: number | null }> {
  const command = CommandLine.start(args, env);
  command.endInput(input);
  const code = await command.code();
  return { out: command.out, err: command.err, code };
}
