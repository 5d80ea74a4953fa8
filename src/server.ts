import 'reflect-metadata';
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { AppModule } from './app.module.js';
import { SessionSweeper } from './cleanup/session-sweeper.service.js';
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
import { RunChanges } from './files/changes/run-changes.service.js';
import { ApiDocument } from './openapi/api-document.js';
import { ManagedStorage } from './packages/managed-storage.js';
import { SessionSizes } from './quota/session-sizes.service.js';
import { AgentSpawner } from './run/agent-process.js';
import { RecoveryService } from './run/recovery.service.js';
import { RetentionService } from './run/retention.service.js';
import { RunStream } from './run/run-stream.js';
import { RunService } from './run/run.service.js';
import { ServerLock } from './run/server-lock.js';
import { ServerState } from './run/server-state.js';
import { SessionRemoval } from './sessions/session-removal.service.js';
import { WebhookService } from './webhook/webhook.service.js';

/**
 * How long an idle connection stays open, in milliseconds: longer than the 60 s after which load
 * balancers drop theirs, so that none sends a request on a connection that is just being closed.
 */
const KEEP_ALIVE_MS = 75_000;
/** What part of the descriptors connections may take: the rest is for agents, logs and files. */
const CONNECTIONS_SHARE = 0.6;
/** How long an answer may take after the last run has ended before its connection is cut. */
const CLOSING_MS = 2000;

/** Makes the server, listens, takes up what an earlier one has left, and ends in order on a signal. */
export async function serve(config: RunnerConfig, logger: Logger): Promise<void> {
  const app = await NestFactory.create<NestExpressApplication>(AppModule.with(config, logger), {
    logger: new FrameworkLogger(logger),
    bodyParser: false,
    abortOnError: false,
  });
  for (const warning of config.warnings) logger.warn(warning);
  allowOrigins(app, config.corsOrigins);
  app.use(requestLimits());
  app.use(callerFirst(app.get(Authenticator)));
  const bodies = {
    limit: BODY_LIMIT_BYTES,
    strict: false,
    type: isJsonBody,
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

/** Takes up what the last server has left, and then new runs; nothing more once it is given up. */
class Takeover {
  private readonly ending = new AbortController();
  private begun: Promise<void> = Promise.resolve();

  constructor(
    private readonly app: NestExpressApplication,
    private readonly config: RunnerConfig,
    private readonly logger: Logger,
  ) {}

  /** This server holds the roots. */
  async begin(): Promise<void> {
    if (this.ending.signal.aborted) return;
    this.begun = this.takeUp();
    try {
      await this.begun;
    } catch (error) {
      this.app.get(AgentSpawner).killAll();
      throw error;
    }
  }

  /** Another server still holds the roots: this one is live, but not ready, until that one has gone. */
  async waitForTheOther(): Promise<void> {
    const { lockWaitSeconds } = this.config;
    this.logger.warn(
      'another runner holds the workspaces root or the runtime root; waiting for its end',
    );
    if (await this.app.get(ServerLock).take(lockWaitSeconds, this.ending.signal)) {
      await this.begin();
      this.logger.info('the other runner has ended; taking runs');
    } else if (!this.ending.signal.aborted) {
      this.logger.fatal(
        `Another runner still holds FERMILINK_RUNTIME_ROOT or FERMILINK_WORKSPACES_ROOT after ${lockWaitSeconds} seconds; stop it, or give this one roots of its own.`,
      );
      process.exit(1);
    }
  }

  /** Resolves when nothing more is taken up. */
  async giveUp(): Promise<void> {
    this.ending.abort();
    // Whoever began it is told what went wrong.
    await this.begun.catch(() => undefined);
  }

  private async takeUp(): Promise<void> {
    await this.app.get(SessionRemoval).finish();
    await this.app.get(RecoveryService).recover(this.ending.signal);
    this.app.get(ServerState).accept();
    this.app.get(RunChanges).warmUp();
    void this.app.get(RetentionService).watch();
    void this.app.get(WebhookService).takeUp();
    void this.app.get(SessionSizes).takeUp();
    void this.app.get(SessionSweeper).watch();
    // Nobody waits for it: no rest is taken for a package.
    this.app
      .get(ManagedStorage)
      .removeRests()
      .catch((err: unknown) => {
        this.logger.warn({ err }, 'what an interrupted upload has left could not be removed');
      });
  }
}

/** Ends the server in order on its first signal, and at once on a second one. */
function endOnSignal(
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
