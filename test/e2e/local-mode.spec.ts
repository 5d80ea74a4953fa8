import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Runner, temporaryFolder } from '../support/runner.js';
import { ask, postRun } from '../support/runs.js';
import { rawAsk, TokensFile } from '../support/tokens.js';

/** What a server says that does not start. */
async function refusalOf(env: Record<string, string>, home?: string): Promise<string[]> {
  const runner = Runner.spawn(env, home);
  await runner.closed;
  expect(runner.process.exitCode).toBe(1);
  return runner.logLines.filter(({ level }) => level === 'fatal').map(({ msg }) => String(msg));
}

const HOST = 'FERMILINK_RUNNER_HOST';
const ANONYMOUS = 'FERMILINK_RUNNER_ALLOW_ANONYMOUS';

describe('where nothing says who may call', () => {
  it.each(['0.0.0.0', '::', '10.1.2.3', 'runner.example.org', '127.evil.example'])(
    'it does not listen on %s',
    async (host) => {
      const [fault, ...others] = await refusalOf({ [HOST]: host });
      expect(others).toEqual([]);
      expect(fault).toContain(HOST);
      expect(fault).toContain('FERMILINK_RUNNER_TOKENS_FILE');
      expect(fault).toContain(`${ANONYMOUS}=1`);
    },
  );

  it.each(['127.0.0.1', '127.0.0.2', 'localhost'])('it listens on %s', async (host) => {
    const runner = await Runner.start({ [HOST]: host });
    expect((await fetch(`${runner.url}/runs`)).status).toBe(200);
    await runner.stop();
  });

  it('it does not start where anonymous callers are allowed and tokens are configured', async () => {
    const tokens = new TokensFile([{ name: 'a' }]);
    const [fault] = await refusalOf({
      [ANONYMOUS]: '1',
      FERMILINK_RUNNER_TOKENS_FILE: tokens.path,
    });
    expect(fault).toContain(ANONYMOUS);
  });

  it('it does not start with tokens or JWTs that are half configured', async () => {
    const home = temporaryFolder();
    const file = join(home, 'tokens.json');
    writeFileSync(file, '{"tokens": [{"name": "a", "sha256": "s3cret", "scopes": ["all"]}]}');
    const faults = await refusalOf(
      {
        FERMILINK_RUNNER_TOKENS_FILE: file,
        FERMILINK_RUNNER_JWT_JWKS_URL: 'http://id.example.org/jwks',
        FERMILINK_RUNNER_JWT_ALGORITHMS: 'RS256,HS256',
        FERMILINK_RUNNER_JWT_ISSUER: 'x',
      },
      home,
    );
    const all = faults.join('\n');
    expect(all).toContain('tokens[0].sha256');
    expect(all).toContain('tokens[0].scopes[0]');
    expect(all).not.toContain('s3cret');
    expect(all).toContain('FERMILINK_RUNNER_JWT_JWKS_URL');
    expect(all).toContain('FERMILINK_RUNNER_JWT_ALGORITHMS');
    expect(all).toContain('FERMILINK_RUNNER_JWT_AUDIENCE');
  });

  it('it does not start with a tokens file that is not there', async () => {
    const [fault] = await refusalOf({ FERMILINK_RUNNER_TOKENS_FILE: '/nowhere/tokens.json' });
    expect(fault).toContain('FERMILINK_RUNNER_TOKENS_FILE');
    expect(fault).toContain('npm run token');
  });
});

describe('a server on loopback that may serve everybody', () => {
  it('does not look at the Host, as a proxy before it sends that of outside', async () => {
    const runner = await Runner.start({ [ANONYMOUS]: '1' });
    const status = async (header: string, value: string) =>
      (await rawAsk(runner, 'GET', '/runs', [[header, value]])).status;
    expect(await status('Host', 'runner.example.org')).toBe(200);
    expect(await status('Origin', 'https://evil.example')).toBe(403);
    await runner.stop();
  });
});

describe('a server of this machine alone', () => {
  let runner: Runner;
  let port: string;
  beforeAll(async () => {
    runner = await Runner.start({ FERMILINK_RUNNER_CORS_ORIGINS: 'https://app.example.org' });
    port = new URL(runner.url).port;
  });
  afterAll(() => runner.stop());

  const post = (headers: readonly (readonly [string, string])[]) =>
    rawAsk(runner, 'POST', '/runs', headers, '{"user_prompt": "true"}');

  it.each([
    'evil.example',
    'evil.example:8000',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    '128.0.0.1',
    '0.0.0.0',
    '[::2]',
    '10.0.0.1:80',
    'localhost@evil.example',
    'localhost:8000.evil.example',
    '',
  ])('refuses the Host %j, but not for its health', async (host) => {
    const asked = (path: string) => rawAsk(runner, 'GET', path, [['Host', host]]);
    const refused = await asked('/runs');
    expect(refused.status).toBe(403);
    expect(JSON.parse(refused.text)).toMatchObject({ code: 'forbidden' });
    expect((await asked('/ops/admission')).status).toBe(403);
    expect((await asked('/metrics')).status).toBe(403);
    expect((await post([['Host', host]])).status).toBe(403);
    for (const probe of ['live', 'ready', 'startup']) {
      expect((await asked(`/health/${probe}`)).status).toBe(200);
    }
  });

  it.each(['localhost', 'LOCALHOST:1', '127.0.0.1', '127.8.9.10:99', '[::1]', '[::1]:8000'])(
    'serves the Host %s',
    async (host) => {
      expect((await rawAsk(runner, 'GET', '/runs', [['Host', host]])).status).toBe(200);
    },
  );

  it('refuses what pages of elsewhere send', async () => {
    for (const origin of [
      'https://evil.example',
      'http://evil.example',
      'null',
      '',
      'http://localhost:3000',
      `https://127.0.0.1:${port}`,
      `http://127.0.0.1:${port}@evil.example`,
      `http://127.0.0.1:${port}.evil.example`,
      'https://app.example.org.evil.example',
      'http://app.example.org',
    ]) {
      expect([origin, (await post([['Origin', origin]])).status]).toEqual([origin, 403]);
    }
    expect((await ask(runner, 'GET', '/runs')).body.runs).toEqual([]);
  });

  it('serves its own pages, and those that are allowed', async () => {
    for (const origin of [
      `http://127.0.0.1:${port}`,
      `http://localhost:${port}`,
      'https://app.example.org',
    ]) {
      expect([origin, (await post([['Origin', origin]])).status]).toEqual([origin, 202]);
    }
  });

  it('takes a token for nothing: everybody is the platform', async () => {
    const headers = { authorization: 'Bearer whatever' };
    expect((await ask(runner, 'GET', '/runs', { headers })).status).toBe(200);
  });
});

describe('a server that everybody may use', () => {
  it('serves every Host, and no pages of elsewhere', async () => {
    const runner = await Runner.start({ [HOST]: '0.0.0.0', [ANONYMOUS]: '1' });
    try {
      const get = async (...headers: [string, string][]) =>
        (await rawAsk(runner, 'GET', '/runs', headers)).status;
      expect(await get(['Host', 'runner.example.org'])).toBe(200);
      expect(await get(['Host', '10.0.0.1:8000'], ['Origin', 'http://10.0.0.1:8000'])).toBe(200);
      expect(await get(['Host', '10.0.0.1:8000'], ['Origin', 'https://evil.example'])).toBe(403);
      // The name of a page may have been bent to this address.
      const page = 'evil.example:8000';
      expect(await get(['Host', page], ['Origin', `http://${page}`])).toBe(403);
      expect((await postRun(runner, { user_prompt: 'true' })).status).toBe(202);
    } finally {
      await runner.stop();
    }
  });
});
