import { request } from 'node:http';
import { Runner } from '../support/runner.js';
import { StreamClient } from '../support/stream-client.js';

const APP = 'https://app.example.org';
const DEV = 'http://localhost:3000';

interface Plain {
  status: number;
  headers: Record<string, string | string[] | undefined>;
}

describe('pages of other origins', () => {
  let runner: Runner;
  beforeAll(async () => {
    runner = await Runner.start({
      FERMILINK_RUNNER_CORS_ORIGINS: `${APP}, ${DEV}`,
      FERMILINK_RUNNER_METRICS_TOKEN: 'secret',
    });
  });
  afterAll(() => runner.stop());

  /** By Node's own client: fetch does not send an Origin of one's choice. */
  function send(
    method: string,
    path: string,
    headers: Record<string, string>,
    server = runner,
  ): Promise<Plain> {
    return new Promise((resolve, reject) => {
      const outgoing = request(server.url + path, { method, headers, agent: false }, (response) => {
        response.resume().on('end', () => {
          resolve({ status: response.statusCode!, headers: response.headers });
        });
      });
      outgoing.on('error', reject);
      outgoing.end();
    });
  }

  const preflight = (origin: string, path = '/run') =>
    send('OPTIONS', path, {
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization,content-type,idempotency-key',
    });

  const names = (value: unknown) => String(value).toLowerCase().split(/,\s*/);

  it.each([APP, DEV])('of the list (%s) may ask for anything, without a token', async (origin) => {
    for (const path of ['/run', '/ops/concurrency', '/nothing']) {
      const { status, headers } = await preflight(origin, path);
      expect([path, status]).toEqual([path, 204]);
      expect(headers['access-control-allow-origin']).toBe(origin);
      expect(names(headers['access-control-allow-headers'])).toEqual(
        expect.arrayContaining(
          'authorization content-type last-event-id idempotency-key x-fermilink-user if-match if-none-match range x-runner-metrics-token'.split(
            ' ',
          ),
        ),
      );
      expect(names(headers['access-control-allow-methods'])).toEqual(
        expect.arrayContaining(['get', 'post', 'put', 'delete']),
      );
      expect(names(headers.vary)).toContain('origin');
      expect(headers['access-control-allow-credentials']).toBeUndefined();
    }
  });

  it('of the list may read answers, errors and streams, and what a client needs of their headers', async () => {
    const answers = [
      await send('GET', '/health/live', { origin: APP }),
      await send('GET', '/runs/x', { origin: APP }),
      await send('GET', '/nothing', { origin: APP }),
      await send('GET', '/ops/concurrency', { origin: APP }),
      await send('POST', '/run', { origin: APP, 'content-length': '99999999' }),
    ];
    const stream = await StreamClient.open(
      runner,
      { user_prompt: 'echo hello' },
      { headers: { origin: APP } },
    );
    answers.push({ status: stream.status, headers: stream.response.headers });
    await stream.exit();
    expect(answers.map(({ status }) => status)).toEqual([200, 404, 404, 401, 413, 200]);
    for (const { status, headers } of answers) {
      expect([status, headers['access-control-allow-origin']]).toEqual([status, APP]);
      expect(names(headers['access-control-expose-headers'])).toEqual(
        expect.arrayContaining(
          'location retry-after etag content-disposition content-range www-authenticate'.split(' '),
        ),
      );
      expect(names(headers.vary)).toContain('origin');
    }
  });

  it.each([
    'https://evil.example',
    'https://app.example.org.evil.example',
    'http://app.example.org',
    'https://app.example.org:8443',
    'HTTPS://APP.EXAMPLE.ORG',
    'null',
    '*',
  ])('that are not of the list (%s) get no header of the kind', async (origin) => {
    const answers = [
      await preflight(origin),
      await send('GET', '/health/live', { origin }),
      await send('GET', '/runs/x', { origin }),
    ];
    for (const { status, headers } of answers) {
      expect(status).not.toBe(204);
      expect(Object.keys(headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
      // What is kept on the way must not be shown to a page that may read it.
      expect(names(headers.vary)).toContain('origin');
    }
  });

  it('get nothing where there is no list', async () => {
    const plain = await Runner.start();
    const { headers } = await send('GET', '/health/live', { origin: APP }, plain);
    const asked = await send(
      'OPTIONS',
      '/run',
      { origin: APP, 'access-control-request-method': 'POST' },
      plain,
    );
    expect(asked.status).not.toBe(204);
    for (const name of [...Object.keys(headers), ...Object.keys(asked.headers)]) {
      expect(name).not.toMatch(/^access-control/);
    }
    expect(headers.vary).toBeUndefined();
    await plain.stop();
  });
});
