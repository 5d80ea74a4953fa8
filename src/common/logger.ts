import type { LoggerService } from '@nestjs/common';
import { destination, type Logger, pino } from 'pino';
import { PinoPretty } from 'pino-pretty';

export type { Logger } from 'pino';
/** Token of the server's logger. */
export const LOGGER = Symbol('Logger');

export interface LoggerOptions {
  /**
   * Write each line before going on: for the last words of a process, which would otherwise overtake
   * each other. A server must not wait for whoever reads its log.
   */
  sync?: boolean;
  /** Takes the secrets out of a line, for what others have put into their errors. */
  redact?: (line: string) => string;
}

/**
 * One JSON object a line on stdout; a readable form where stdout is a terminal. What is logged never
 * holds a prompt, a value of the environment or a token: whoever logs names the members one by one.
 */
export function createLogger({ sync = false, redact }: LoggerOptions = {}): Logger {
  const options = {
    base: undefined,
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (level: string) => ({ level }) },
    ...(redact === undefined ? {} : { hooks: { streamWrite: redact } }),
  };
  return process.stdout.isTTY
    ? pino(options, PinoPretty({ colorize: true, sync: true, translateTime: 'SYS:HH:MM:ss' }))
    : pino(options, destination({ dest: 1, sync }));
}

/** Lets the framework log through ours; its start-up chatter stays at debug level. */
export class FrameworkLogger implements LoggerService {
  constructor(private readonly logger: Logger) {}

  log(message: unknown, ...context: unknown[]): void {
    this.write('debug', message, context);
  }
  debug(message: unknown, ...context: unknown[]): void {
    this.write('debug', message, context);
  }
  verbose(message: unknown, ...context: unknown[]): void {
    this.write('trace', message, context);
  }
  warn(message: unknown, ...context: unknown[]): void {
    this.write('warn', message, context);
  }
  error(message: unknown, ...context: unknown[]): void {
    this.write('error', message, context);
  }

  private write(
    level: 'trace' | 'debug' | 'warn' | 'error',
    message: unknown,
    context: unknown[],
  ): void {
    const source = context.filter((part) => typeof part === 'string').at(-1);
    if (message instanceof Error) this.logger[level]({ err: message, source }, message.message);
    else this.logger[level]({ source }, String(message));
  }
}
