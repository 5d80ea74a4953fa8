import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { faultsOf } from '../../test/support/config.js';
import { loadConfig } from './load-config.js';

const P = 'FERMILINK_RUNNER_';
const JWT: Record<string, string> = {
  [`${P}JWT_JWKS_URL`]: 'https://id.example.org/jwks',
  [`${P}JWT_ISSUER`]: 'https://id.example.org/',
  [`${P}JWT_AUDIENCE`]: 'runner',
};

describe('how callers are known', () => {
  let home: string;
  beforeAll(() => {
    home = mkdtempSync(join(tmpdir(), 'fermilink-test-'));
    writeFileSync(join(home, 'tokens.json'), '{"tokens": []}');
  });
  afterAll(() => rmSync(home, { recursive: true }));
  const env = (more: Record<string, string>) => ({ HOME: home, FERMILINK_HOME: home, ...more });
  const identity = (more: Record<string, string>) => loadConfig(env(more)).identity;
  const faults = (more: Record<string, string>) => faultsOf(env(more)).join('\n');

  it('is taken from the environment', () => {
    expect(identity({ ...JWT, [`${P}HOST`]: '0.0.0.0' })).toEqual({
      tokensFile: null,
      jwt: {
        jwksUrl: 'https://id.example.org/jwks',
        jwksFile: null,
        issuer: 'https://id.example.org/',
        audience: 'runner',
        algorithms: ['RS256', 'PS256', 'ES256', 'EdDSA'],
        userClaim: 'sub',
        scopesClaim: 'scope',
      },
      isAnonymous: false,
      isLocalOnly: false,
    });
    const tokens = { [`${P}TOKENS_FILE`]: join(home, 'tokens.json') };
    expect(identity(tokens)).toMatchObject({
      tokensFile: join(home, 'tokens.json'),
      isAnonymous: false,
      isLocalOnly: true,
    });
    expect(identity({ [`${P}HOST`]: '::', [`${P}ALLOW_ANONYMOUS`]: '1' })).toMatchObject({
      isAnonymous: true,
      isLocalOnly: false,
    });
  });

  it.each(['http://127.0.0.1:8080/jwks', 'http://localhost/jwks', 'http://[::1]:1/', 'https://x/'])(
    'takes keys from %s',
    (url) => {
      expect(identity({ ...JWT, [`${P}JWT_JWKS_URL`]: url }).jwt?.jwksUrl).toBe(url);
    },
  );

  it.each([
    'http://id.example.org/',
    'http://127.0.0.1.evil.example/',
    'file:///etc/x',
    'ftp://x/',
    'x',
  ])('takes no keys from %s', (url) => {
    expect(faults({ ...JWT, [`${P}JWT_JWKS_URL`]: url })).toContain(`${P}JWT_JWKS_URL is`);
  });

  it('takes keys from a file that holds some, and tells a mistyped path at once', () => {
    const { [`${P}JWT_JWKS_URL`]: _, ...rest } = JWT;
    const path = join(home, 'jwks.json');
    const file = { ...rest, [`${P}JWT_JWKS_FILE`]: path };
    const wrong = `${P}JWT_JWKS_FILE is "${path}", but it must be a readable JSON Web Key Set`;
    expect(faults(file)).toContain(wrong);
    for (const text of ['', '[]', '{}', '{"keys":{}}', `{"keys":[]}${' '.repeat(1 << 20)}`]) {
      writeFileSync(path, text);
      expect(faults(file)).toContain(wrong);
    }
    writeFileSync(path, '{"keys":[]}');
    expect(identity(file).jwt?.jwksFile).toBe(path);
  });

  it.each(['HS256', 'RS256,HS512', 'none', 'rs256', ',', 'RS256,none'])(
    'takes no algorithm %s',
    (algorithms) => {
      expect(faults({ ...JWT, [`${P}JWT_ALGORITHMS`]: algorithms })).toContain(
        `${P}JWT_ALGORITHMS is`,
      );
    },
  );

  it('wants all of what belongs together, and only one of what excludes itself', () => {
    for (const name of ['ISSUER', 'AUDIENCE']) {
      const { [`${P}JWT_${name}`]: _, ...rest } = JWT;
      expect(faults(rest)).toContain(`${P}JWT_${name} is not set`);
      expect(faults({ [`${P}JWT_${name}`]: 'x' })).toContain(`${P}JWT_${name} is set, but`);
    }
    expect(faults({ ...JWT, [`${P}JWT_JWKS_FILE`]: '/x' })).toContain('only one of them');
    expect(faults({ ...JWT, [`${P}ALLOW_ANONYMOUS`]: '1' })).toContain('only one of them');
  });

  it.each([
    'https://app.example.org/',
    'https://app.example.org/x',
    '*',
    'app.example.org',
    'https://APP.example.org',
    'ftp://x',
    'null',
    'https://a.example,*',
  ])('takes no origin %s', (origins) => {
    expect(faults({ [`${P}CORS_ORIGINS`]: origins })).toContain(`${P}CORS_ORIGINS is`);
  });

  it('takes several origins', () => {
    const { corsOrigins } = loadConfig(
      env({ [`${P}CORS_ORIGINS`]: 'https://a.example , http://localhost:3000' }),
    );
    expect(corsOrigins).toEqual(['https://a.example', 'http://localhost:3000']);
  });
});
