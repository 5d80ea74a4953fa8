import { ApiContract, type SeenAnswer } from './api-contract.js';
import type { ApiDocument } from './document.js';

const TEXT = { type: 'string' };
const closed = (properties: Record<string, object>) => ({
  type: 'object',
  properties,
  required: Object.keys(properties),
  additionalProperties: false,
});

const DOCUMENT: ApiDocument = {
  webhooks: {},
  components: {
    schemas: {
      Thing: closed({ id: TEXT, made_at: { ...TEXT, format: 'date-time' } }),
      Problem: closed({ status: { type: 'integer' }, code: TEXT }),
    },
  },
  paths: {
    '/things/{id}': {
      get: {
        operationId: 'getThing',
        responses: {
          200: {
            headers: {
              ETag: { required: true, schema: { ...TEXT, pattern: '^"' } },
              Age: { required: false },
            },
            content: { 'application/json': { schema: { $ref: '#/components/schemas/Thing' } } },
          },
          204: {},
          404: {
            content: {
              'application/problem+json': {
                schema: {
                  allOf: [
                    { $ref: '#/components/schemas/Problem' },
                    { properties: { code: { enum: ['thing_not_found'] } } },
                  ],
                },
              },
            },
          },
        },
      },
    },
    '/things/all': {
      get: { operationId: 'getAll', responses: { 200: { content: { '*/*': {} } } } },
      post: {
        operationId: 'follow',
        responses: {
          200: {
            content: {
              'text/event-stream': {
                'x-events': {
                  thing: {
                    contentMediaType: 'application/json',
                    schema: { $ref: '#/components/schemas/Thing' },
                  },
                  line: { contentMediaType: 'text/plain', schema: TEXT },
                },
              },
            },
          },
        },
      },
    },
    '/files/{path}': {
      get: {
        operationId: 'getFile',
        parameters: [{ name: 'path', in: 'path', 'x-rest-of-path': true }],
        responses: { 200: { content: { '*/*': {} } } },
      },
    },
  },
};

const THING = { id: 'a', made_at: '2026-11-30T10:00:00.000Z' };

describe('an API document that answers are held against', () => {
  const contract = new ApiContract(DOCUMENT);

  interface Answered {
    status?: number;
    method?: string;
    body?: unknown;
    headers?: Record<string, string>;
  }

  function faults(path: string, answered: Answered = {}): string[] {
    const { status = 200, method = 'GET', body = THING, headers = {} } = answered;
    const all: Record<string, string> = {
      'content-type': status < 400 ? 'application/json' : 'application/problem+json',
      ...(status === 200 && /^\/things\/a(?!l)/i.test(path) ? { etag: '"1"' } : {}),
      ...headers,
    };
    const answer: SeenAnswer = {
      method,
      path,
      status,
      header: (name) => all[name.toLowerCase()] ?? null,
      body: typeof body === 'string' ? body : JSON.stringify(body),
    };
    return contract.faultsOf(answer);
  }

  it('finds nothing wrong with what is as it is described', () => {
    expect(faults('/things/a?x=1')).toEqual([]);
    expect(faults('/Things/a/')).toEqual([]);
    expect(faults('/things/a', { method: 'HEAD', body: '' })).toEqual([]);
    expect(faults('/things/a', { status: 204, body: '' })).toEqual([]);
    const unknown = { status: 404, code: 'thing_not_found' };
    expect(faults('/things/a', { status: 404, body: unknown })).toEqual([]);
    expect(faults('/files/a/b/c', { headers: { 'content-type': 'image/png' }, body: 'x' })).toEqual(
      [],
    );
    expect(faults('/things/all', { headers: { 'content-type': 'text/css' } })).toEqual([]);
  });

  it.each<[string, Parameters<typeof faults>, RegExp]>([
    ['a status', ['/things/a', { status: 202 }], /GET \/things\/\{id\} answered 202, which is not/],
    ['a member more', ['/things/a', { body: { ...THING, x: 1 } }], /additional.*"x"/],
    ['a member less', ['/things/a', { body: { id: 'a' } }], /required property 'made_at'/],
    [
      'a member of another kind',
      ['/things/a', { body: { ...THING, id: 1 } }],
      /\/id must be string/,
    ],
    [
      'a time',
      ['/things/a', { body: { ...THING, made_at: 'today' } }],
      /\/made_at must match format/,
    ],
    ['a body that is no JSON', ['/things/a', { body: '{' }], /no JSON/],
    ['a body where there is none', ['/things/a', { status: 204 }], /it has a body/],
    ['a content type', ['/things/a', { headers: { 'content-type': 'text/x' } }], /is "text\/x"/],
    ['a header', ['/things/a', { headers: { etag: 'x' } }], /its ETag is "x"/],
    [
      'a header more',
      ['/things/a', { headers: { location: '/' } }],
      /its Location is not described/,
    ],
    [
      'a code',
      ['/things/a', { status: 404, body: { status: 404, code: 'other' } }],
      /\/code must be equal to one of.*\n?/,
    ],
    ['a route', ['/nothing'], /GET \/nothing is not described, and answered 200/],
    ['a method', ['/things/a', { method: 'PUT' }], /PUT \/things\/\{id\} is not described/],
    [
      'a code for what is no route',
      ['/nothing', { status: 404, body: { status: 404, code: 'thing_not_found' } }],
      /its code is thing_not_found/,
    ],
    [
      'a method that is not told',
      [
        '/things/a',
        { method: 'PUT', status: 405, body: { status: 405, code: 'method_not_allowed' } },
      ],
      /it has no Allow/,
    ],
    [
      'a path that cannot be decoded',
      ['/things/%ff', { status: 404, body: { status: 404, code: 'thing_not_found' } }],
      /its code is thing_not_found/,
    ],
  ])('finds %s that is not as it is described', (_, [path, answer], fault) => {
    expect(faults(path, answer).join('\n')).toMatch(fault);
  });

  it('finds a header that is missing', () => {
    const answer: SeenAnswer = {
      method: 'GET',
      path: '/things/a',
      status: 200,
      header: (name) => (name === 'content-type' ? 'application/json' : null),
      body: JSON.stringify(THING),
    };
    expect(contract.faultsOf(answer)).toEqual(['GET /things/{id} answered 200: it has no ETag']);
  });

  it('looks at each event of a stream', () => {
    const of = (event: string, data: unknown) =>
      contract.faultsOfEvent('POST', '/things/all', event, JSON.stringify(data));
    expect(of('thing', THING)).toEqual([]);
    expect(of('line', 'anything')).toEqual([]);
    expect(of('thing', { id: 'a' })).toEqual([
      expect.stringMatching(/^POST \/things\/all sent the event thing: .*made_at/),
    ]);
    expect(of('other', {})).toEqual([expect.stringContaining('is not described')]);
  });
});
