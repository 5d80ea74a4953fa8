import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Controller, Get, Global, type INestApplication, Module } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { createLogger, LOGGER } from '../common/logger.js';
import { ProblemFilter } from '../common/problem.filter.js';
import { ConfigModule } from '../config/config.module.js';
import { loadConfig } from '../config/load-config.js';
import { OpsAccess, Public, Scopes } from './access.decorators.js';
import { IdentityModule } from './identity.module.js';

@Controller('silent')
class SilentController {
  @Get()
  nothingIsSaid(): string {
    return 'secret';
  }
}

@Controller('spoken')
@Scopes('runs:read')
class SpokenController {
  @Get()
  ofController(): string {
    return 'ok';
  }
  @Get('narrower')
  @Scopes('packages:write')
  narrower(): string {
    return 'secret';
  }
  @Get('both')
  @Scopes('runs:read', 'policy:write')
  both(): string {
    return 'secret';
  }
  @Get('open')
  @Public()
  open(): string {
    return 'ok';
  }
  @Get('ops')
  @OpsAccess()
  ops(): string {
    return 'ok';
  }
}

@Global()
@Module({
  providers: [{ provide: LOGGER, useValue: createLogger({ sync: true, redact: () => '' }) }],
  exports: [LOGGER],
})
class LoggerModule {}

describe('the guard of all routes, where nothing is configured', () => {
  let home: string;
  let app: INestApplication;
  let url: string;
  beforeAll(async () => {
    home = mkdtempSync(join(tmpdir(), 'fermilink-test-'));
    const config = loadConfig({ HOME: home, FERMILINK_HOME: home });
    const module = await Test.createTestingModule({
      imports: [LoggerModule, ConfigModule.with(config), IdentityModule],
      controllers: [SilentController, SpokenController],
      providers: [{ provide: APP_FILTER, useClass: ProblemFilter }],
    }).compile();
    app = module.createNestApplication({ logger: false });
    await app.listen(0, '127.0.0.1');
    const { port } = (app.getHttpServer() as { address(): AddressInfo }).address();
    url = `http://127.0.0.1:${port}`;
  });
  afterAll(async () => {
    await app.close();
    rmSync(home, { recursive: true });
  });

  it.each([
    ['/silent', 403, 'forbidden'],
    ['/spoken', 200, undefined],
    ['/spoken/open', 200, undefined],
    ['/spoken/ops', 200, undefined],
    // Agents sit on this machine too.
    ['/spoken/narrower', 403, 'forbidden'],
    ['/spoken/both', 403, 'forbidden'],
  ])('answers %s with %d', async (path, status, code) => {
    const answer = await fetch(url + path);
    const text = await answer.text();
    expect(answer.status).toBe(status);
    if (code === undefined) return;
    expect(text).not.toContain('secret');
    expect(JSON.parse(text)).toMatchObject({ code });
  });

  it('says how to get what is missing', async () => {
    const { detail } = (await (await fetch(`${url}/spoken/both`)).json()) as { detail: string };
    expect(detail).toContain('npm run token -- --name NAME --scopes policy:write');
    expect(detail).toContain('FERMILINK_RUNNER_TOKENS_FILE');
  });
});
