import { createHmac, generateKeyPairSync, randomBytes, type webcrypto } from 'node:crypto';
import { mkdtempSync, renameSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { calculateJwkThumbprint, exportSPKI, importJWK, type JWK } from 'jose';
import { AUDIENCE, IdentityProvider, ISSUER } from '../support/identity-provider.js';
import { eventually } from '../support/processes.js';
import { Runner } from '../support/runner.js';
import { ask, postRun } from '../support/runs.js';
import { bearer, TokensFile } from '../support/tokens.js';

const SETTINGS = { FERMILINK_RUNNER_JWT_ISSUER: ISSUER, FERMILINK_RUNNER_JWT_AUDIENCE: AUDIENCE };
const ADA = { sub: 'ada', scope: 'openid runs:read runs:write' };

const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

async function statusOf(runner: Runner, token: string): Promise<[number, string | undefined]> {
  const { status, body } = await ask(runner, 'GET', '/runs', { headers: bearer(token) });
  return [status, body.code as string | undefined];
}

describe('JWTs of an identity provider', () => {
  const provider = new IdentityProvider();
  let key: JWK;
  let runner: Runner;
  beforeAll(async () => {
    key = await provider.addKey('one');
    await provider.addKey('rsa', 'RS256');
    await provider.addKey('long', 'RS512');
    runner = await Runner.start({
      ...SETTINGS,
      FERMILINK_RUNNER_JWT_JWKS_URL: await provider.serve(),
    });
  });
  afterAll(async () => {
    await runner.stop();
    await provider.close();
  });

  it('say for whom the caller acts, and what it may do', async () => {
    const headers = bearer(await provider.token(ADA));
    const made = await postRun(runner, { user_prompt: 'true', session_id: 'adas' }, headers);
    expect(made.status).toBe(202);
    const run = await ask(runner, 'GET', `/runs/${made.body.run_id}`, { headers });
    expect(run.body).toMatchObject({ user_id: 'ada', session_id: 'adas' });
    expect((await ask(runner, 'GET', '/metrics', { headers })).status).toBe(403);
    const other = await ask(runner, 'GET', '/runs?user_id=bob', { headers });
    expect([other.status, other.body.code]).toEqual([403, 'forbidden']);
    const bob = bearer(await provider.token({ ...ADA, sub: 'bob' }));
    expect((await ask(runner, 'GET', `/runs/${made.body.run_id}`, { headers: bob })).status).toBe(
      404,
    );
  });

  it('may have their scopes in a list, and be signed with RSA', async () => {
    const listed = { sub: 'ada', scope: ['runs:read', 'x', 7] };
    expect(await statusOf(runner, await provider.token(listed))).toEqual([200, undefined]);
    const rsa = await provider.token(ADA, { kid: 'rsa', alg: 'RS256' });
    expect(await statusOf(runner, rsa)).toEqual([200, undefined]);
    for (const scope of [undefined, '', 7, { 'runs:read': true }, 'runs:readx RUNS:READ']) {
      const token = await provider.token({ sub: 'ada', scope });
      expect(await statusOf(runner, token)).toEqual([403, 'forbidden']);
    }
  });

  it.each([
    ['of another issuer', ADA, { issuer: 'https://evil.example/' }],
    ['of another audience', ADA, { audience: 'somebody-else' }],
    ['that have expired', ADA, { expires: -30 }],
    ['without an end', ADA, { expires: null }],
    ['that are not valid yet', ADA, { notBefore: 60 }],
    ['without a user', { scope: ADA.scope }, {}],
    ['whose user is blank', { ...ADA, sub: ' ' }, {}],
    ['whose user is no text', { ...ADA, sub: 7 }, {}],
    ['whose user has control characters', { ...ADA, sub: 'a\u0000b' }, {}],
    ['whose user is too long', { ...ADA, sub: 'x'.repeat(257) }, {}],
  ])('%s are refused', async (_, claims, wish) => {
    const token = await provider.token(claims, wish);
    expect(await statusOf(runner, token)).toEqual([401, 'unauthenticated']);
  });

  it('that nobody has signed, or with what everybody knows, are refused', async () => {
    const now = Math.floor(Date.now() / 1000);
    const payload = part({ ...ADA, iss: ISSUER, aud: AUDIENCE, exp: now + 60 });
    const publicKey = await exportSPKI((await importJWK(key, 'ES256')) as webcrypto.CryptoKey);
    const forged = [
      `${part({ alg: 'none' })}.${payload}.`,
      `${part({ alg: 'none', kid: 'one' })}.${payload}.AA`,
      ...[publicKey, JSON.stringify(key), await calculateJwkThumbprint(key)].map((secret) => {
        const signed = `${part({ alg: 'HS256', kid: 'one' })}.${payload}`;
        return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
      }),
    ];
    const other = new IdentityProvider();
    const otherKey = await other.addKey('one');
    forged.push(await other.token(ADA));
    // With a key of its own in its header.
    const header = part({ alg: 'ES256', kid: 'one', jwk: otherKey });
    forged.push([header, ...(await other.token(ADA)).split('.').slice(1)].join('.'));
    const [head, body, signature] = (await provider.token(ADA)).split('.');
    const changed = JSON.parse(Buffer.from(body!, 'base64url').toString()) as object;
    forged.push([head, part({ ...changed, sub: 'bob' }), signature].join('.'));
    forged.push([part({ alg: 'ES256', kid: 'one', crit: ['x'], x: 1 }), body, signature].join('.'));
    // Signed well, but not as it was chosen.
    forged.push(await provider.token(ADA, { kid: 'long', alg: 'RS512' }));
    for (const token of forged) {
      expect(await statusOf(runner, token)).toEqual([401, 'unauthenticated']);
    }
  });

  it('of a key that is not known are refused, until the provider publishes it', async () => {
    const next = new IdentityProvider();
    await next.addKey('two');
    const token = await next.token(ADA, { kid: 'two' });
    expect(await statusOf(runner, token)).toEqual([401, 'unauthenticated']);
    const asked = provider.asked;
    for (let at = 0; at < 20; at += 1) await statusOf(runner, token);
    // Whoever has no token cannot make the runner ask for keys again and again.
    expect(provider.asked - asked).toBeLessThan(5);
    provider.published.push(...next.published);
    await eventually(
      () => statusOf(runner, token),
      ([status]) => status === 200,
    );
  });

  it('say nothing in the log of what they hold', async () => {
    const sub = 'somebody-with-a-secret-name';
    await statusOf(runner, await provider.token({ ...ADA, sub }, { expires: -30 }));
    await runner.logged(({ reason }) => reason === 'a JWT that has expired');
    expect(JSON.stringify(runner.logLines)).not.toContain(sub);
    expect(JSON.stringify(runner.logLines)).not.toContain(part({ alg: 'ES256' }).slice(0, 12));
  });
});

describe('an identity provider in trouble', () => {
  const provider = new IdentityProvider();
  const tokens = new TokensFile([{ name: 'web' }]);
  let runner: Runner;
  beforeAll(async () => {
    await provider.addKey('one');
  });
  afterEach(async () => {
    await runner.stop();
    await provider.close();
  });

  it.each(['hangs', 'error', 'nonsense', 'redirect', 'floods'] as const)(
    'that %s makes its own tokens wait for it, and no others',
    async (trouble) => {
      provider.trouble = trouble;
      runner = await Runner.start({
        ...SETTINGS,
        FERMILINK_RUNNER_JWT_JWKS_URL: await provider.serve(),
        FERMILINK_RUNNER_TOKENS_FILE: tokens.path,
      });
      const token = await provider.token(ADA);
      const began = Date.now();
      const first = ask(runner, 'GET', '/runs', { headers: bearer(token) });
      expect((await ask(runner, 'GET', '/runs', { headers: tokens.as('web') })).status).toBe(200);
      const { status, body, headers } = await first;
      expect([status, body.code]).toEqual([503, 'identity_unavailable']);
      expect(headers.get('retry-after')).toMatch(/^\d+$/);
      expect(Date.now() - began).toBeLessThan(15_000);
      const asked = provider.asked;
      expect((await statusOf(runner, token))[0]).toBe(503);
      expect(provider.asked).toBe(asked);
      provider.trouble = 'none';
      await eventually(
        () => statusOf(runner, token),
        ([code]) => code === 200,
      );
    },
  );
});

describe('a key that cannot be used', () => {
  const weak = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({
    format: 'jwk',
  });
  const damaged = { kty: 'RSA', x5c: ['AAAA'] };
  const unusable = [
    { ...weak, kid: 'weak', alg: 'RS256', use: 'sig' },
    { ...damaged, kid: 'damaged', alg: 'RS256', use: 'sig' },
  ] as JWK[];
  const provider = new IdentityProvider();
  let runner: Runner;
  beforeAll(async () => {
    provider.published.push(...unusable);
    await provider.addKey('rsa', 'RS256');
    runner = await Runner.start({
      ...SETTINGS,
      FERMILINK_RUNNER_JWT_JWKS_URL: await provider.serve(),
    });
  });
  afterAll(async () => {
    await runner.stop();
    await provider.close();
  });
  const forged = async (kid: string) => {
    const [, claims] = (await provider.token(ADA, { kid: 'rsa', alg: 'RS256' })).split('.');
    return `${part({ alg: 'RS256', kid })}.${claims}.${randomBytes(256).toString('base64url')}`;
  };

  it('makes its own tokens invalid, and none of another key', async () => {
    for (const kid of ['weak', 'damaged']) {
      expect(await statusOf(runner, await forged(kid))).toEqual([401, 'unauthenticated']);
    }
    const good = { kid: 'rsa', alg: 'RS256', namesKey: false };
    expect(await statusOf(runner, await provider.token(ADA, good))).toEqual([200, undefined]);
  });

  it('does not keep the server from finding a new one, whoever names it', async () => {
    await provider.addKey('new');
    const token = await provider.token(ADA, { kid: 'new' });
    await eventually(
      async () => {
        for (const { kid } of unusable) await statusOf(runner, await forged(kid!));
        return statusOf(runner, token);
      },
      ([code]) => code === 200,
    );
  });
});

describe('a file of keys', () => {
  it('serves as well, and is read anew when it changes', async () => {
    const provider = new IdentityProvider();
    await provider.addKey('one');
    await provider.addKey('two');
    const path = join(mkdtempSync(join(tmpdir(), 'fermilink-keys-')), 'jwks.json');
    const publish = (kid: string) => {
      const keys = provider.published.filter((it) => it.kid === kid);
      writeFileSync(
        `${path}.new`,
        JSON.stringify({ keys, padding: randomBytes(3).toString('hex') }),
      );
      renameSync(`${path}.new`, path);
    };
    publish('one');
    const runner = await Runner.start({ ...SETTINGS, FERMILINK_RUNNER_JWT_JWKS_FILE: path });
    try {
      const one = await provider.token(ADA);
      const two = await provider.token(ADA, { kid: 'two' });
      const codes = async () => [
        (await statusOf(runner, one))[0],
        (await statusOf(runner, two))[0],
      ];
      expect(await codes()).toEqual([200, 401]);
      publish('two');
      expect(await codes()).toEqual([401, 200]);
      writeFileSync(path, 'nonsense');
      expect(await codes()).toEqual([401, 200]);
      expect((await fetch(`${runner.url}/health/ready`)).status).toBe(503);
    } finally {
      await runner.stop();
    }
  });
});
