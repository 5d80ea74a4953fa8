import { runInNewContext } from 'node:vm';
import { Runner } from '../support/runner.js';
import { ask } from '../support/runs.js';

describe('the API document and the page to try it', () => {
  let runner: Runner;
  beforeAll(async () => {
    runner = await Runner.start({ FERMILINK_RUNNER_METRICS_TOKEN: 'secret' });
  });
  afterAll(() => runner.stop());

  it('are there for everybody, and say what the server is', async () => {
    const { status, headers, body } = await ask(runner, 'GET', '/openapi.json');
    expect([status, headers.get('content-type')]).toEqual([200, 'application/json; charset=utf-8']);
    expect(body).toMatchObject({ openapi: '3.1.0', info: { title: 'FermiLink Runner' } });
    expect(Object.keys(body.paths)).toEqual(expect.arrayContaining(['/run', '/runs/{id}/events']));
    expect(JSON.stringify(body)).not.toContain(runner.home);
  });

  it('need nothing from any other host', async () => {
    for (const path of ['/docs', '/docs/']) {
      const page = await fetch(runner.url + path);
      expect([page.status, page.headers.get('content-type')]).toEqual([
        200,
        'text/html; charset=utf-8',
      ]);
      const policy = page.headers.get('content-security-policy');
      expect(policy).toContain("default-src 'none'; script-src 'self';");
      expect(policy).toContain("connect-src 'self'");
      expect(policy).not.toMatch(/https?:|unsafe-eval|script-src[^;]*unsafe/);
      const html = await page.text();
      // No script stands in the page itself: its policy would not let it run.
      expect(html).not.toMatch(/<script>|<style>|https?:\/\//);
      const files = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, file]) => file!);
      expect(files).toHaveLength(4);
      for (const file of files) {
        const answer = await fetch(new URL(file, page.url));
        expect([file, answer.status]).toEqual([file, 200]);
        expect(answer.headers.get('content-type')).toMatch(/^(text\/(javascript|css)|image\/png)/);
        expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
        expect((await answer.arrayBuffer()).byteLength).toBeGreaterThan(100);
      }
    }
  });

  it('starts with the document of this server, and asks nobody to check it', async () => {
    const start = await (await fetch(`${runner.url}/docs/start.js`)).text();
    expect(start).toContain("new URL('../openapi.json', here)");
    expect(start).toContain('validatorUrl: null');
    expect(start).not.toMatch(/https?:\/\//);
  });

  it('sends the rest of a path with its slashes, and takes files for bodies of bytes', async () => {
    const start = await (await fetch(`${runner.url}/docs/start.js`)).text();
    const bundle = Object.assign(jest.fn(), { presets: {} });
    const document = { currentScript: { src: `${runner.url}/docs/start.js` } };
    runInNewContext(start, { SwaggerUIBundle: bundle, document, URL });
    const [{ url, requestInterceptor, fileUploadMediaTypes }] = bundle.mock.calls[0];
    expect(url).toBe(`${runner.url}/openapi.json`);
    const sent = (path: string) => requestInterceptor({ url: `/at${path}` }).url;
    expect(sent('/sessions/s/files/a%2Fb%20c%2Fd%252Fe?x=%2F')).toBe(
      '/at/sessions/s/files/a/b%20c/d%252Fe?x=%2F',
    );
    for (const other of [
      '/sessions/a%2Ffiles%2Fb',
      '/sessions/s/files?path=a%2Fb',
      '/runs/a%2Fb',
    ]) {
      expect(sent(other)).toBe(`/at${other}`);
    }
    const { body } = await ask(runner, 'GET', '/openapi.json');
    for (const [path, mediaType] of [
      ['/sessions/{id}/files/{path}', 'application/octet-stream'],
      ['/packages/{id}/archive', 'application/gzip'],
    ] as const) {
      // The page offers the first one.
      const [first] = Object.keys(body.paths[path].put.requestBody.content);
      expect([first, fileUploadMediaTypes.includes(first)]).toEqual([mediaType, true]);
    }
  });

  it.each([
    '/docs-json',
    '/docs-yaml',
    '/docs/index.html',
    '/docs/swagger-ui-init.js',
    '/docs/swagger-initializer.js',
    '/docs/package.json',
    '/docs/..%2fpackage.json',
    '/docs/__proto__',
    '/docs/docs/start.js',
  ])('has nothing at %s', async (path) => {
    const { status, body, headers } = await ask(runner, 'GET', path);
    expect([status, body.code]).toEqual([404, 'not_found']);
    expect(headers.get('cache-control')).toBeNull();
  });

  it('cannot be changed', async () => {
    for (const path of ['/openapi.json', '/docs', '/docs/start.js']) {
      const { status, headers } = await ask(runner, 'PUT', path);
      expect([path, status, headers.get('allow')]).toEqual([path, 405, 'GET, HEAD']);
    }
  });

  it('are not there where they are switched off', async () => {
    const off = await Runner.start({ FERMILINK_RUNNER_DOCS: 'off' });
    for (const path of ['/openapi.json', '/docs', '/docs/start.js']) {
      const answer = await fetch(off.url + path).then((it) => it.status);
      expect([path, answer]).toEqual([path, 404]);
    }
    await off.stop();
  });
});
