import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { faultsOf } from '../../test/support/config.js';
import { loadConfig } from './load-config.js';

const SECRET = 'a secret of 24 characters'.replaceAll(' ', '-');
const URL_NAME = 'FERMILINK_RUNNER_WEBHOOK_URL';
const SECRET_NAME = 'FERMILINK_RUNNER_WEBHOOK_SECRET';

let home: string;
beforeEach(() => (home = mkdtempSync(join(tmpdir(), 'fermilink-config-'))));
afterEach(() => rmSync(home, { recursive: true }));

const env = (url: string, more: Record<string, string> = {}) => ({
  HOME: home,
  [URL_NAME]: url,
  [SECRET_NAME]: SECRET,
  ...more,
});

describe('the settings of the webhook', () => {
  it('are none where there is no URL; a secret alone is pointed out', () => {
    expect(loadConfig({ HOME: home }).webhook).toBeNull();
    const { webhook, warnings } = loadConfig(env(''));
    expect(webhook).toBeNull();
    expect(warnings.join()).toContain(`${SECRET_NAME} has no effect`);
  });

  it('have a key of the secret, as it is or in base64', () => {
    expect(loadConfig(env('https://a.example/x')).webhook).toMatchObject({
      key: Buffer.from(SECRET),
      timeoutSeconds: 15,
      maxAgeHours: 24,
    });
    const encoded = `whsec_${Buffer.alloc(24, 7).toString('base64')}`;
    const { webhook } = loadConfig(env('https://a.example/x', { [SECRET_NAME]: encoded }));
    expect(webhook!.key).toEqual(Buffer.alloc(24, 7));
  });

  it('may have the secret in a file', () => {
    writeFileSync(join(home, 'secret'), `${SECRET}\n`);
    const { webhook } = loadConfig({
      HOME: home,
      [URL_NAME]: 'https://a.example',
      [`${SECRET_NAME}_FILE`]: join(home, 'secret'),
    });
    expect(webhook!.key).toEqual(Buffer.from(SECRET));
  });

  it.each([
    'https://a.example/hook?token=1',
    'http://localhost:9/x',
    'http://127.0.0.1/x',
    'http://127.1/x',
    'http://[::1]:80/x',
  ])('may lead to %s', (url) => {
    expect(loadConfig(env(url)).webhook!.url).toEqual(new URL(url));
  });

  it('may lead elsewhere by http only where that is allowed', () => {
    const [fault] = faultsOf(env('http://10.0.0.7/x'));
    expect(fault).toContain('FERMILINK_RUNNER_WEBHOOK_ALLOW_HTTP=1');
    const allowed = env('http://10.0.0.7/x', { FERMILINK_RUNNER_WEBHOOK_ALLOW_HTTP: '1' });
    expect(loadConfig(allowed).webhook).not.toBeNull();
  });

  it.each([
    ['a.example/hook', 'must be an absolute URL'],
    ['ftp://a.example', 'must be an absolute URL'],
    ['https://', 'must be an absolute URL'],
    ['http://127.0.0.1.example/x', 'must begin with https://'],
    ['http://localhost.example/x', 'must begin with https://'],
    ['https://user:hidden@a.example', 'must not hold a user'],
    ['https://a.example/#x', 'must not have a fragment'],
  ])('may not lead to %s', (url, rule) => {
    const faults = faultsOf(env(url));
    expect(faults).toEqual([expect.stringContaining(rule)]);
    expect(faults[0]).not.toContain('hidden');
  });

  it('show nothing of what may be a secret', () => {
    const [fault] = faultsOf(env('http://far.example/x?token=hidden'));
    expect(fault).toContain('"http://far.example/x?…"');
  });

  it.each(['short', 'whsec_c2hvcnQ=', 'whsec_***********************************', 'whsec_'])(
    'refuse the secret %j, and do not show it',
    (secret) => {
      const faults = faultsOf(env('https://a.example', { [SECRET_NAME]: secret }));
      expect(faults).toEqual([
        `${SECRET_NAME} is set, but it must be at least 24 characters, or "whsec_" and at least 24 bytes in base64.`,
      ]);
    },
  );

  it('want a secret', () => {
    expect(faultsOf(env('https://a.example', { [SECRET_NAME]: '' }))).toEqual([
      expect.stringContaining(`${SECRET_NAME} is not set`),
    ]);
  });
});
