import 'reflect-metadata';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { AppModule } from './app.module.js';
import { FrameworkLogger, type Logger } from './common/logger.js';
import { ConfigError } from './config/load-config.js';
import type { RunnerConfig } from './config/runner-config.js';
import { ProviderService } from './provider/provider.service.js';
import { RunService } from './run/run.service.js';

/** The largest body that is read. */
const BODY_LIMIT_BYTES = 1024 * 1024;
/**
 * How long an idle connection stays open, in milliseconds: longer than the 60 s after which load
 * balancers drop theirs, so that none sends a request on a connection that is just being closed.
 */
const KEEP_ALIVE_MS = 75_000;
/** How long an answer may take after the last run has ended before its connection is cut. */
const CLOSING_MS = 2000;

/** Makes the server, listens, and sees to it that a signal ends every agent before the process. */
export async function serve(config: RunnerConfig, logger: Logger): Promise<void> {
  const app = await NestFactory.create<NestExpressApplication>(AppModule.with(config, logger), {
    logger: new FrameworkLogger(logger),
    bodyParser: false,
    abortOnError: false,
  });
  const missing = await app.get(ProviderService).missingProgram();
  if (missing !== null) throw new ConfigError([missing]);
  app.useBodyParser('json', {
    limit: BODY_LIMIT_BYTES,
    strict: false,
    type: ['application/json', 'application/*+json'],
  });
  app.disable('x-powered-by');
  // An answer of the moment is never "not modified".
  app.disable('etag');
  const server = app.getHttpServer();
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  server.headersTimeout = KEEP_ALIVE_MS + 1000;
  await app.listen(config.port, config.host);
  endOnSignal(app, server, logger);
  const { address, port, family } = server.address() as AddressInfo;
  const host = family === 'IPv6' ? `[${address}]` : address;
  logger.info({ url: `http://${host}:${port}` }, 'listening');
}

function endOnSignal(app: NestExpressApplication, server: Server, logger: Logger): void {
  const runs = app.get(RunService);
  let ending = false;
  const end = async (signal: string) => {
    if (ending) {
      logger.warn({ signal }, 'second signal: killing what is left');
      runs.killAll();
      process.exit(1);
    }
    ending = true;
    logger.info({ signal }, 'ending all runs');
    await runs.drain();
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
        runs.killAll();
        process.exit(1);
      });
    });
  }
}
