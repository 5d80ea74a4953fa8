import type { Server } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { NestExpressApplication } from '@nestjs/platform-express';
import type { Logger } from './common/logger.js';
import type { RunnerConfig } from './config/runner-config.js';
import { AgentSpawner } from './run/agent-process.js';
import { RunStream } from './run/run-stream.js';
import { RunService } from './run/run.service.js';
import { ServerState } from './run/server-state.js';
import type { Takeover } from './takeover.js';

/** How long an answer may take after the last run has ended before its connection is cut. */
const CLOSING_MS = 2000;

/** Ends the server in order on its first signal, and at once on a second one. */
export function endOnSignal(
  app: NestExpressApplication,
  server: Server,
  config: RunnerConfig,
  logger: Logger,
  takeover: Takeover,
): void {
  const runs = app.get(RunService);
  const state = app.get(ServerState);
  const streams = app.get(RunStream);
  const agents = app.get(AgentSpawner);
  let isEnding = false;
  const end = async (signal: string) => {
    if (isEnding) {
      logger.warn({ signal }, 'second signal: killing what is left');
      agents.killAll();
      process.exit(1);
    }
    isEnding = true;
    logger.info({ signal }, 'stopping');
    state.leave();
    await takeover.giveUp();
    await sleep(config.drainDelaySeconds * 1000);
    state.drain();
    streams.announceShutdown(config.drainSeconds);
    await runs.drain(config.drainSeconds);
    streams.closeUnfinished();
    // A client that does not take its last bytes cannot hold up the end.
    setTimeout(() => server.closeAllConnections(), CLOSING_MS).unref();
    server.closeIdleConnections();
    await app.close();
    logger.info('ended');
    process.exit(0);
  };
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    process.on(signal, () => {
      end(signal).catch((err: unknown) => {
        logger.fatal({ err }, 'the runner could not end in order');
        agents.killAll();
        process.exit(1);
      });
    });
  }
}
