import { lockFile } from '../../common/file-lock.js';
import {
  existsSync,
  linkSync,
  lstatSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { modeOf, openHomes, write } from '../../../test/support/homes.js';

const { at, base, home, keepLogin, prepare } = openHomes();

describe('a login that a CLI has renewed', () => {
  const LOGIN = { auth_mode: 'chatgpt', tokens: { account_id: 'a', access_token: '1' } };
  const renewed = (token: string) =>
    JSON.stringify({ ...LOGIN, tokens: { ...LOGIN.tokens, access_token: token } });
  const login = () => readFileSync(base('.codex', 'auth.json'), 'utf8');
  const place = () => home('.codex', 'auth.json');

  beforeEach(async () => {
    write(base('.codex', 'auth.json'), JSON.stringify(LOGIN));
    utimesSync(base('.codex', 'auth.json'), 1000, 1000);
    await prepare('codex');
  });

  /** As CLIs do that write beside and rename; the home is as an agent may have left it. */
  function renew(content: string, seconds = 2000): void {
    rmSync(place(), { recursive: true });
    writeFileSync(place(), content);
    utimesSync(place(), seconds, seconds);
  }

  it('becomes that of the administrator, with its time, for the server alone', async () => {
    renew(renewed('2'));
    await keepLogin('codex');
    expect(login()).toBe(renewed('2'));
    expect(statSync(base('.codex', 'auth.json')).mtimeMs).toBe(2_000_000);
    expect(modeOf(base('.codex', 'auth.json'))).toBe('600');
    expect(existsSync(place())).toBe(false);
  });

  it('is found by the next run where the server died before', async () => {
    renew(renewed('2'));
    await prepare('codex');
    expect(login()).toBe(renewed('2'));
    expect(readlinkSync(place())).toBe(base('.codex', 'auth.json'));
  });

  it('is dropped where another run has brought a newer one', async () => {
    renew(renewed('2'), 3000);
    await keepLogin('codex');
    await prepare('codex');
    renew(renewed('older'), 2500);
    await keepLogin('codex');
    expect(login()).toBe(renewed('2'));
  });

  it('keeps the link by which the administrator has it elsewhere', async () => {
    write(at('secrets', 'auth.json'), JSON.stringify(LOGIN));
    utimesSync(at('secrets', 'auth.json'), 1000, 1000);
    rmSync(base('.codex', 'auth.json'));
    symlinkSync(at('secrets', 'auth.json'), base('.codex', 'auth.json'));
    renew(renewed('2'));
    await keepLogin('codex');
    expect(lstatSync(base('.codex', 'auth.json')).isSymbolicLink()).toBe(true);
    expect(login()).toBe(renewed('2'));
  });

  it('of a time to come does not keep out the one after it', async () => {
    renew(renewed('2'), Date.now() / 1000 + 86_400);
    await keepLogin('codex');
    expect(login()).toBe(renewed('2'));
    expect(statSync(base('.codex', 'auth.json')).mtimeMs).toBeLessThanOrEqual(Date.now());
  });

  it.each<[string, () => void]>([
    ['no JSON', () => renew('evil')],
    ['no object', () => renew('[]')],
    ['empty', () => renew('')],
    ['without what was in it', () => renew(JSON.stringify({ auth_mode: 'chatgpt' }))],
    ['of another kind', () => renew(JSON.stringify({ ...LOGIN, tokens: 'x' }))],
    [
      "another account's",
      () => renew(JSON.stringify({ ...LOGIN, tokens: { ...LOGIN.tokens, account_id: 'b' } })),
    ],
    [
      'huge',
      () => {
        renew(renewed('2'));
        truncateSync(place(), 2 ** 40);
        utimesSync(place(), 2000, 2000);
      },
    ],
  ])('is refused where it is %s', async (_what, plant) => {
    plant();
    await keepLogin('codex');
    expect(login()).toBe(JSON.stringify(LOGIN));
    await prepare('codex');
    expect(readlinkSync(place())).toBe(base('.codex', 'auth.json'));
  });

  it('is newer than one that an agent has dated to a time to come', async () => {
    // Through the link.
    utimesSync(place(), Date.now() / 1000 + 1e6, Date.now() / 1000 + 1e6);
    renew(renewed('2'));
    await keepLogin('codex');
    expect(login()).toBe(renewed('2'));
  });

  it('stays in its home while others hold its lock, and is taken over later', async () => {
    renew(renewed('2'));
    const lock = await lockFile(base('.codex', '.fermilink-login.lock'), 1);
    await prepare('codex');
    expect(readFileSync(place(), 'utf8')).toBe(renewed('2'));
    expect(login()).toBe(JSON.stringify(LOGIN));
    await lock!.release();
    await keepLogin('codex');
    expect(login()).toBe(renewed('2'));
  });

  it('is not taken where the administrator has none any more', async () => {
    rmSync(base('.codex', 'auth.json'));
    renew(renewed('2'));
    await keepLogin('codex');
    expect(existsSync(base('.codex', 'auth.json'))).toBe(false);
  });

  it('leaves the file of the administrator alone that an agent has linked to hard', async () => {
    rmSync(place());
    linkSync(base('.codex', 'auth.json'), place());
    await keepLogin('codex');
    expect(login()).toBe(JSON.stringify(LOGIN));
  });
});

describe('a login of another account', () => {
  const token = (sub: string) =>
    `e30.${Buffer.from(JSON.stringify({ sub })).toString('base64url')}.signature-${sub}`;
  const LOGINS: [string, string, object, object, object][] = [
    [
      'codex',
      '.codex/auth.json',
      { auth_mode: 'apikey', OPENAI_API_KEY: 'key-of-ada' },
      { auth_mode: 'apikey', OPENAI_API_KEY: 'key-of-ada', last_refresh: 'now' },
      { auth_mode: 'apikey', OPENAI_API_KEY: 'key-of-eve' },
    ],
    [
      'gemini',
      '.gemini/oauth_creds.json',
      { access_token: '1', id_token: token('ada') },
      { access_token: '2', id_token: token('ada') },
      { access_token: '2', id_token: token('eve') },
    ],
    [
      'opencode',
      '.local/share/opencode/auth.json',
      {
        a: { type: 'api', key: 'key-of-ada' },
        b: { type: 'oauth', access: '1', accountId: 'ada' },
      },
      {
        a: { type: 'api', key: 'key-of-ada' },
        b: { type: 'oauth', access: '2', accountId: 'ada' },
      },
      {
        a: { type: 'api', key: 'key-of-eve' },
        b: { type: 'oauth', access: '2', accountId: 'ada' },
      },
    ],
  ];

  it.each(LOGINS)('is refused by %s', async (provider, path, before, same, other) => {
    const content = () => JSON.parse(readFileSync(base(path), 'utf8')) as object;
    write(base(path), JSON.stringify(before));
    utimesSync(base(path), 1000, 1000);
    for (const [renewed, expected] of [
      [other, before],
      [same, same],
    ] as const) {
      await prepare(provider);
      rmSync(home(path));
      writeFileSync(home(path), JSON.stringify(renewed));
      await keepLogin(provider);
      expect(content()).toEqual(expected);
    }
  });
});
