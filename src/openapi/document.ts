import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { INestApplication, Type } from '@nestjs/common';
import { MetadataScanner, ModulesContainer } from '@nestjs/core';
import {
  DocumentBuilder,
  getSchemaPath,
  type OpenAPIObject,
  type OperationObject,
  type SchemaObject,
  SwaggerModule,
} from '@nestjs/swagger';
import { PROJECT_ROOT } from '../config/load-config.js';
import { accessOf, type Handler } from './access.js';
import { bodySchema } from './body-schema.js';
import { bodyType, ROUTE, SENT } from './described.decorator.js';
import { operationOf, webhookOf } from './operation.js';
import { Problem } from './problem.js';
import type { RouteDescription, SentMessage } from './route-description.js';

/** Where the document itself is: a proxy may have put something before its path. */
const HERE = '.';

const METHODS = ['get', 'put', 'post', 'delete', 'patch'] as const;

/**
 * The OpenAPI 3.1 document of an application: the same for every server of this version, however it is
 * configured. The framework's module finds the routes and reads the classes; what is said of each route is
 * its `@Described`.
 * @throws if a route is not described, or does not say who may use it
 */
export function openApiDocument(app: INestApplication): OpenAPIObject {
  const modules = app.get(ModulesContainer, { strict: false });
  const routes = describedRoutes(modules);
  const messages = sentMessages(modules);
  const found = SwaggerModule.createDocument(app, base(), {
    operationIdFactory: nameOf,
    extraModels: [Problem, ...messages.map(({ body }) => body)],
  });
  const paths: OpenAPIObject['paths'] = {};
  for (const path of Object.keys(found.paths).sort()) {
    paths[path] = {};
    for (const method of METHODS) {
      const operation = found.paths[path]![method];
      if (operation !== undefined) paths[path][method] = complete(operation, path, routes);
    }
  }
  const bodies = [...routes.values()].flatMap(({ route }) => bodyType(route) ?? []);
  const schemas = completeSchemas(
    found.components?.schemas as Record<string, SchemaObject>,
    bodies,
  );
  const webhooks = Object.fromEntries(messages.map((it) => [it.name, webhookOf(it)]));
  return { ...found, paths, webhooks, components: { ...found.components, schemas } };
}

function base() {
  const { version } = JSON.parse(readFileSync(join(PROJECT_ROOT, 'package.json'), 'utf8')) as {
    version: string;
  };
  return new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('FermiLink Runner')
    .setDescription(DESCRIPTION)
    .setVersion(version)
    .addServer(HERE)
    .addTag('runs', 'Runs, their events, and how they are ended.')
    .addTag('packages', 'Scientific packages, which runs are given.')
    .addTag('sessions', 'Sessions, their files, and what runs have left of them.')
    .addTag('ops', 'Load, metrics and health.')
    .addTag('policy', 'What the administrator has decided for all runs.')
    .addTag('document', 'This document, and a page to try it.')
    .addBearerAuth({
      type: 'http',
      scheme: 'bearer',
      description:
        'A token of the tokens file, or a JWT. The roles of each route are the scopes that it needs, all of them. Where neither is configured, the server takes every local caller as the platform.',
    })
    .addApiKey({ type: 'apiKey', in: 'header', name: 'X-Runner-Metrics-Token' }, 'metricsToken')
    .build();
}

const DESCRIPTION = `Admits, prepares, runs and streams coding-agent runs.

Every error is \`application/problem+json\` with a stable \`code\`. A path that is not in this document answers 404 \`not_found\`, another method of one that is 405 \`method_not_allowed\` with \`Allow\`. Wherever there is a GET there is a HEAD. A request without \`Host\`, or with an \`Expect\` that is not known, is answered 400 or 417 without a body.

A \`text/event-stream\` answer has the member \`x-events\`: for each event by its name what its data is, and its \`kind\`: a \`logged\` event has an \`id\` and can be had again from there on, a \`notice\` is sent live only. Comment lines are heartbeats.`;

function nameOf(controller: string, method: string): string {
  return `${controller}.${method}`;
}

/** Every handler with its description, by the name that the framework's module gives its operation. */
function describedRoutes(
  modules: ModulesContainer,
): Map<string, Handler & { route: RouteDescription }> {
  const routes = new Map<string, Handler & { route: RouteDescription }>();
  const scanner = new MetadataScanner();
  for (const { controllers } of modules.values()) {
    for (const { metatype } of controllers.values()) {
      const controller = metatype as Type;
      const prototype = controller.prototype as Record<string, Handler['method']>;
      for (const name of scanner.getAllMethodNames(prototype)) {
        const method = prototype[name]!;
        const route = Reflect.getMetadata(ROUTE, method) as RouteDescription | undefined;
        if (route !== undefined) {
          routes.set(nameOf(controller.name, name), { controller, method, route });
        }
      }
    }
  }
  return routes;
}

function sentMessages(modules: ModulesContainer): SentMessage[] {
  return [...modules.values()]
    .flatMap(({ providers }) => [...providers.values()])
    .flatMap(({ metatype }) => {
      const message: unknown = metatype && Reflect.getMetadata(SENT, metatype);
      return message === undefined || message === null ? [] : [message as SentMessage];
    });
}

function complete(
  { operationId, tags }: OperationObject,
  path: string,
  routes: ReturnType<typeof describedRoutes>,
): OperationObject {
  const described = routes.get(operationId ?? '');
  if (described === undefined) {
    throw new Error(`The route ${path} (${operationId}) is not described; see @Described.`);
  }
  const access = accessOf(described);
  if (access === undefined) {
    throw new Error(`The route ${path} (${operationId}) does not say who may use it; see @Scopes.`);
  }
  return operationOf(described.route, described, access, tags);
}

/** Bodies get their rules; what the server answers holds nothing but what is described. */
function completeSchemas(
  schemas: Record<string, SchemaObject>,
  bodies: readonly Type[],
): Record<string, SchemaObject> {
  const bodyOf = new Map(bodies.map((type) => [getSchemaPath(type).split('/').at(-1)!, type]));
  const names = Object.keys(schemas).sort();
  return Object.fromEntries(
    names.map((name) => {
      const schema = schemas[name]!;
      const type = bodyOf.get(name);
      return [name, type === undefined ? closed(schema) : bodySchema(type, schema)];
    }),
  );
}

function closed(schema: SchemaObject): SchemaObject {
  if (schema.properties === undefined || schema.additionalProperties !== undefined) return schema;
  return { ...schema, additionalProperties: false };
}
