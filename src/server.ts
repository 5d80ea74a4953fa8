import 'reflect-metadata';
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { AppModule } from './app.module.js';
import { answerClientError, endIdleConnection } from './common/client-errors.js';
import { allowOrigins } from './common/cors.js';
import { descriptorLimit } from './common/descriptor-limit.js';
import { errnoOf } from './common/errors.js';
import { FrameworkLogger, type Logger } from './common/logger.js';
import {
  BODY_LIMIT_BYTES,
  isJsonBody,
  requestLimits,
  requireUtf8,
} from './common/request-limits.js';
import { ConfigError } from './config/load-config.js';
import type { RunnerConfig } from './config/runner-config.js';
import { Authenticator } from './identity/authenticator.js';
import { callerFirst } from './identity/caller-first.js';
import { endOnSignal } from './end-on-signal.js';
import { ApiDocument } from './openapi/api-document.js';
import { ARCHIVE_BODY } from './packages/upload/archive-intake.js';
import { ServerLock } from './run/server-lock.js';
import { FILE_BODY } from './sessions/upload-body.js';
import { Takeover } from './takeover.js';

/**
 * How long an idle connection stays open, in milliseconds: longer than the 60 s after which load
 * balancers drop theirs, so that none sends a request on a connection that is just being closed.
 */
const KEEP_ALIVE_MS = 75_000;
/** What part of the descriptors connections may take: the rest is for agents, logs and files. */
const CONNECTIONS_SHARE = 0.6;
/** Bodies that no parser reads. */
const STREAMED_BODIES = [ARCHIVE_BODY, FILE_BODY];

/** Makes the server, listens, takes up what an earlier one has left, and ends in order on a signal. */
export async function serve(config: RunnerConfig, logger: Logger): Promise<void> {
  const app = await NestFactory.create<NestExpressApplication>(AppModule.with(config, logger), {
    logger: new FrameworkLogger(logger),
    bodyParser: false,
    abortOnError: false,
  });
  for (const warning of config.warnings) logger.warn(warning);
  allowOrigins(app, config.corsOrigins);
  app.use(requestLimits(STREAMED_BODIES));
  app.use(callerFirst(app.get(Authenticator)));
  const bodies = {
    limit: BODY_LIMIT_BYTES,
    strict: false,
    type: isJsonBody(STREAMED_BODIES),
    // The parser knows it; the framework's type of its options does not.
    verify: requireUtf8,
  };
  app.useBodyParser('json', bodies);
  app.disable('x-powered-by');
  // An answer of the moment is never "not modified".
  app.disable('etag');
  const server = app.getHttpServer();
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  server.headersTimeout = KEEP_ALIVE_MS + 1000;
  // An upload may take longer than any other request; each kind of body has its limit of time.
  server.requestTimeout = 0;
  server.setTimeout(config.followerTimeoutSeconds * 1000, endIdleConnection);
  server.on('clientError', answerClientError);
  const descriptors = descriptorLimit();
  if (descriptors !== null) server.maxConnections = Math.floor(descriptors * CONNECTIONS_SHARE);
  const isAlone = await app.get(ServerLock).take(0);
  await app.init();
  if (config.docs) app.get(ApiDocument).describe(app);
  // Before anything is taken up: a server that nobody can reach must not start agents.
  await listen(server, config);
  const takeover = new Takeover(app, config, logger);
  endOnSignal(app, server, config, logger, takeover);
  // As a rule nobody else holds the roots, and all is taken up before the server says where it is.
  if (isAlone) await takeover.begin();
  const { address, port, family } = server.address() as AddressInfo;
  const host = family === 'IPv6' ? `[${address}]` : address;
  logger.info({ url: `http://${host}:${port}` }, 'listening');
  if (!isAlone) await takeover.waitForTheOther();
}

/** @throws {ConfigError} if address or port cannot be had */
async function listen(server: Server, { host, port }: RunnerConfig): Promise<void> {
  server.listen(port, host);
  try {
    await once(server, 'listening');
  } catch (error) {
    const fault = listenFault(errnoOf(error), host, port);
    throw fault === null ? error : new ConfigError([fault]);
  }
}

function listenFault(code: string | undefined, host: string, port: number): string | null {
  const ofPort = (rule: string) => `FERMILINK_RUNNER_PORT is "${port}", but it must be ${rule}.`;
  switch (code) {
    case 'EADDRINUSE':
      return ofPort('a port that no other program listens on; 0 takes a free one');
    case 'EACCES':
      return ofPort('a port that this user may listen on; take one from 1024 on');
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `FERMILINK_RUNNER_HOST is ${JSON.stringify(host)}, but it must be an address of this machine.`;
    default:
      return null;
  }
}
