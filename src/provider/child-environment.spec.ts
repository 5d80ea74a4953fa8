import { childEnvironment } from './child-environment.js';

const SERVER = {
  PATH: '/usr/bin',
  HOME: '/home/runner',
  LANG: 'de_DE.UTF-8',
  LC_ALL: 'C.UTF-8',
  LC_NUMERIC: 'C',
  TZ: 'UTC',
  TMPDIR: '/var/tmp',
  HTTP_PROXY: 'http://proxy:1',
  https_proxy: 'http://proxy:2',
  no_proxy: 'localhost',
  ALL_PROXY: 'socks5://proxy:3',
  SSL_CERT_FILE: '/etc/ca.pem',
  NODE_EXTRA_CA_CERTS: '/etc/ca.pem',
  REQUESTS_CA_BUNDLE: '/etc/ca.pem',
};

const SECRETS = {
  AWS_SECRET_ACCESS_KEY: 'secret',
  AWS_SESSION_TOKEN: 'secret',
  DATABASE_URL: 'postgres://secret',
  GITHUB_TOKEN: 'secret',
  KUBERNETES_SERVICE_HOST: '10.0.0.1',
  NODE_OPTIONS: '--inspect',
  LD_PRELOAD: '/tmp/evil.so',
  FERMILINK_HOME: '/srv/fermilink',
  FERMILINK_RUNNER_METRICS_TOKEN: 'secret',
};

const KEYS = {
  OPENAI_API_KEY: 'openai',
  CODEX_HOME: '/home/runner/.codex',
  ANTHROPIC_API_KEY: 'anthropic',
  CLAUDE_CONFIG_DIR: '/home/runner/.claude',
  GEMINI_API_KEY: 'gemini',
  GOOGLE_CLOUD_PROJECT: 'google',
  OPENCODE_CONFIG: '/home/runner/opencode.json',
};

const NOTHING = { families: [], passthrough: [], set: {} };

describe('the environment of an agent', () => {
  it('holds what is allowed by name and nothing else', () => {
    expect(childEnvironment({ ...SERVER, ...SECRETS, ...KEYS }, NOTHING)).toEqual({
      ...SERVER,
      TERM: 'dumb',
    });
  });

  it.each([
    { families: ['OPENAI_', 'CODEX_'], own: ['OPENAI_API_KEY', 'CODEX_HOME'] },
    { families: ['ANTHROPIC_', 'CLAUDE_'], own: ['ANTHROPIC_API_KEY', 'CLAUDE_CONFIG_DIR'] },
    { families: ['GEMINI_', 'GOOGLE_'], own: ['GEMINI_API_KEY', 'GOOGLE_CLOUD_PROJECT'] },
    { families: ['OPENCODE_'], own: ['OPENCODE_CONFIG'] },
    { families: [], own: [] },
  ])('holds only the keys of its own provider: $families', ({ families, own }) => {
    const child = childEnvironment({ ...SERVER, ...SECRETS, ...KEYS }, { ...NOTHING, families });
    const keys = Object.keys(child).filter((name) => name in KEYS);
    expect(keys.sort()).toEqual(own.sort());
    expect(Object.keys(child).filter((name) => name in SECRETS)).toEqual([]);
  });

  it('takes a family for the beginning of a name only', () => {
    const server = { MY_OPENAI_API_KEY: 'x', openai_api_key: 'x', OPENAI: 'x' };
    const child = childEnvironment(server, { ...NOTHING, families: ['OPENAI_'] });
    expect(child).toEqual({ TERM: 'dumb' });
  });

  it('hands on the names of the administrator, whole or by their beginning', () => {
    const server = {
      LICENSE_FILE: 'a',
      LICENSE_FILE_2: 'b',
      MPI_HOME: 'c',
      MPI_ROOT: 'd',
      MPI: 'e',
    };
    const child = childEnvironment(server, {
      ...NOTHING,
      passthrough: ['LICENSE_FILE', 'MPI_*'],
    });
    expect(child).toEqual({ TERM: 'dumb', LICENSE_FILE: 'a', MPI_HOME: 'c', MPI_ROOT: 'd' });
  });

  it.each([['FERMILINK_RUNNER_METRICS_TOKEN'], ['FERMILINK_*']])(
    "never hands on the server's own settings, not even where %s is named",
    (name) => {
      const child = childEnvironment(SECRETS, { ...NOTHING, passthrough: [name] });
      expect(child).not.toHaveProperty('FERMILINK_RUNNER_METRICS_TOKEN');
    },
  );

  it('lets what the runner sets win', () => {
    const set = { TMPDIR: '/run/tmp', FERMILINK_RUN_COOKIE: 'cookie', CODEX_HOME: '/run/codex' };
    const child = childEnvironment(
      { ...SERVER, ...KEYS, FERMILINK_RUN_COOKIE: 'of another run' },
      { ...NOTHING, families: ['CODEX_'], set },
    );
    expect(child).toMatchObject(set);
  });

  it('keeps a TERM that the server has, and leaves out what is undefined', () => {
    expect(childEnvironment({ TERM: 'xterm', LANG: undefined }, NOTHING)).toEqual({
      TERM: 'xterm',
    });
  });
});
