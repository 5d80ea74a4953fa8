import type { ArgumentsHost } from '@nestjs/common';
import {
  BadRequestException,
  NotFoundException,
  ServiceUnavailableException,
} from '@nestjs/common';
import { RunnerError } from './errors.js';
import type { Logger } from './logger.js';
import { ProblemFilter } from './problem.filter.js';

const ROUTES = [
  { match: (path: string) => path === '/run', route: { methods: { post: true } } },
  {
    match: (path: string) => {
      decodeURIComponent(path);
      return path.startsWith('/runs/');
    },
    route: { methods: { get: true } },
  },
];

/** What body-parser throws, as the framework hands it on. */
function bodyError(): BadRequestException {
  const cause = Object.assign(new SyntaxError('Unexpected token'), { type: 'entity.parse.failed' });
  return new BadRequestException(cause.message, { cause });
}

function answerTo(
  exception: unknown,
  { method = 'POST', path = '/run', headersSent = false } = {},
) {
  const seen: string[] = [];
  const sent: Record<string, unknown> = {};
  const response = {
    headersSent,
    destroyed: false,
    writableEnded: false,
    destroy: () => (sent.destroyed = true),
    setHeader: (name: string, value: string) => (sent[name] = value),
    status: (status: number) => ((sent.status = status), response),
    type: () => response,
    json: (body: object) => Object.assign(sent, body),
    send: (body: string) => Object.assign(sent, JSON.parse(body)),
  };
  const request = { method, path, app: { router: { stack: ROUTES } } };
  const host = {
    switchToHttp: () => ({ getRequest: () => request, getResponse: () => response }),
  } as unknown as ArgumentsHost;
  const logged: [string, object][] = [];
  const logger = {
    error: (members: object) => logged.push(['error', members]),
    info: (members: object) => logged.push(['info', members]),
  } as unknown as Logger;
  const listener = {
    problemAnswered: ({ code }: RunnerError, { method, path }: { method: string; path: string }) =>
      seen.push(`${code} ${method} ${path}`),
  };
  new ProblemFilter(logger, listener).catch(exception, host);
  return { seen, sent, logged };
}

describe('an answered problem', () => {
  it.each<[string, unknown, string]>([
    ['of the domain', new RunnerError('queue_full', 'full'), 'queue_full'],
    ['of the body', bodyError(), 'invalid_request'],
    ['of a body that is too large', Object.assign(new Error(), { status: 413 }), 'body_too_large'],
    ['of nobody', new Error('unexpected'), 'internal_error'],
  ])('%s is told once, with its request', (_whose, exception, code) => {
    expect(answerTo(exception).seen).toEqual([`${code} POST /run`]);
  });

  it('is not told where nothing can be answered, or where it is a report of health', () => {
    const late = answerTo(new Error('late'), { headersSent: true });
    expect([late.seen, late.sent]).toEqual([[], { destroyed: true }]);
    const unhealthy = new ServiceUnavailableException({ status: 'error', details: {} });
    expect(answerTo(unhealthy).seen).toEqual([]);
  });
});

describe('the log of a problem', () => {
  it('has the cause of what failed without a run', () => {
    const err = new Error('unexpected');
    const cause = new RunnerError('registry_unreadable', 'The registry is broken.', { cause: err });
    for (const exception of [err, cause]) {
      const code = exception instanceof RunnerError ? exception.code : 'internal_error';
      expect(answerTo(exception).logged).toEqual([['error', { code, path: '/run', err }]]);
    }
  });

  it('names the run that failed, whose end has the cause already', () => {
    const facts = { runId: 'r1', cause: new Error('unexpected') };
    expect(answerTo(new RunnerError('workspace_failed', 'It failed.', facts)).logged).toEqual([
      ['error', { code: 'workspace_failed', path: '/run', run: 'r1' }],
    ]);
  });

  it('takes a refusal while the server stops for no error', () => {
    expect(answerTo(new RunnerError('draining', 'Later.')).logged).toEqual([
      ['info', { code: 'draining', path: '/run' }],
    ]);
  });

  it('holds nothing that is the fault of a client', () => {
    expect(answerTo(new RunnerError('queue_full', 'full')).logged).toEqual([]);
  });
});

describe('a refusal of the framework', () => {
  it.each<[string, string, unknown, object]>([
    ['POST', '/run', bodyError(), { status: 422, code: 'invalid_request' }],
    ['PUT', '/run', bodyError(), { status: 405, code: 'method_not_allowed', Allow: 'POST' }],
    ['POST', '/nothing', bodyError(), { status: 404, code: 'not_found' }],
    ['GET', '/nothing', new NotFoundException(), { status: 404, code: 'not_found' }],
    [
      'GET',
      '/runs/%ff',
      new BadRequestException('bad', { cause: new URIError() }),
      { status: 404, code: 'not_found' },
    ],
    [
      'GET',
      '/runs/1',
      new BadRequestException('something else'),
      { status: 422, code: 'invalid_request', detail: 'The request could not be read.' },
    ],
  ])('of %s %s is answered for what it is', (method, path, exception, answer) => {
    expect(answerTo(exception, { method, path }).sent).toMatchObject(answer);
  });
});
