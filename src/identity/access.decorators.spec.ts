import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type INestApplicationContext, RequestMethod } from '@nestjs/common';
import { METHOD_METADATA, PATH_METADATA } from '@nestjs/common/constants.js';
import { DiscoveryModule, DiscoveryService, MetadataScanner } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { AppModule } from '../app.module.js';
import { createLogger } from '../common/logger.js';
import { loadConfig } from '../config/load-config.js';
import { ACCESS, type Access } from './access.decorators.js';

/** Every route of the server, with what it says of who may use it. */
function routesOf(app: INestApplicationContext): { route: string; access: Access | undefined }[] {
  const scanner = new MetadataScanner();
  return app
    .get(DiscoveryService)
    .getControllers()
    .flatMap(({ metatype }) => {
      const prototype = metatype!.prototype as Record<string, object>;
      return scanner.getAllMethodNames(prototype).flatMap((name) => {
        const handler = prototype[name]!;
        const path = Reflect.getMetadata(PATH_METADATA, handler) as string | undefined;
        if (path === undefined) return [];
        const method = RequestMethod[Reflect.getMetadata(METHOD_METADATA, handler) as number];
        const base = String(Reflect.getMetadata(PATH_METADATA, metatype!) ?? '');
        const access = (Reflect.getMetadata(ACCESS, handler) ??
          Reflect.getMetadata(ACCESS, metatype!)) as Access | undefined;
        return [{ route: `${method} ${base} ${path}`, access }];
      });
    });
}

describe('the routes of the server', () => {
  let home: string;
  let app: INestApplicationContext;
  beforeAll(async () => {
    home = mkdtempSync(join(tmpdir(), 'fermilink-test-'));
    const config = loadConfig({ HOME: home, FERMILINK_HOME: home });
    app = await Test.createTestingModule({
      imports: [AppModule.with(config, createLogger({ sync: true })), DiscoveryModule],
    }).compile();
  });
  afterAll(async () => {
    await app.close();
    rmSync(home, { recursive: true, force: true });
  });

  it('all say who may use them', () => {
    const routes = routesOf(app);
    expect(routes.length).toBeGreaterThan(10);
    expect(routes.filter(({ access }) => access === undefined)).toEqual([]);
  });

  it('that are open to everybody are few', () => {
    const open = routesOf(app).filter(({ access }) => access?.kind === 'public');
    expect(open.map(({ route }) => route).sort()).toEqual([
      'GET / docs',
      'GET / docs/:asset',
      'GET / openapi.json',
      'GET health live',
      'GET health ready',
      'GET health startup',
    ]);
  });
});
