import { secretValues } from './secret-values.js';

const VALUE = 'kR7-vQ2xW9pL';

describe('the secrets among variables', () => {
  it.each([
    'OPENAI_API_KEY',
    'OPENAI_API_KEY_2',
    'AWS_SECRET_ACCESS_KEY',
    'GITHUB_TOKEN',
    'GITHUB_TOKEN_READONLY',
    'FERMILINK_RUNNER_METRICS_TOKEN',
    'PGPASSWORD',
    'DB_PASS',
    'MYSQL_PWD',
    'DJANGO_SECRET',
    'GCP_CREDENTIALS',
    'npm_config__auth',
    'npm_config_//registry.example/:_authToken',
  ])('are told by a name such as %s', (name) => {
    expect(secretValues({ [name]: ` ${VALUE}\n` })).toEqual([VALUE]);
  });

  it.each([
    'PATH',
    'GIT_AUTHOR_NAME',
    'KEYBOARD',
    'TOKENIZERS_PARALLELISM',
    'CLAUDE_CODE_MAX_OUTPUT_TOKENS',
    'FERMILINK_CODEX_AUTH_MODE',
    'SSH_AUTH_SOCK',
    'XAUTHORITY',
    'OAUTH_TOKEN_URL',
    'FERMILINK_CODEX_API_KEY_FILE',
  ])('are not told by a name such as %s', (name) => {
    expect(secretValues({ [name]: VALUE })).toEqual([]);
  });

  it.each([
    ['absent', undefined],
    ['empty', ''],
    ['too short to be told from other text', 'kR7-vQ2'],
    ['a placeholder', 'YOUR_KEY_GOES_HERE'],
    ['a placeholder in small letters', 'changeme'],
    ['a row of asterisks', '**********'],
    ['the name of where it is', '{env:OPENAI_API_KEY}'],
    ['the path of a file', __filename],
    ['the path of a folder', __dirname],
  ])('are none where the value is %s', (_what, value) => {
    expect(secretValues({ SOME_KEY: value })).toEqual([]);
  });

  it('may look like a path, as long as nothing is there', () => {
    expect(secretValues({ SOME_KEY: '/9j/4AAQSkZJRg' })).toEqual(['/9j/4AAQSkZJRg']);
  });

  it.each([
    ['X_API_KEYS', `first-key-1,${VALUE}`],
    ['MODEL_HEADERS', `x-request: one, x-api-key: ${VALUE}`],
    ['MODEL_HEADERS', `accept: text/plain\nAuthorization: Bearer ${VALUE}`],
    ['SETTINGS', JSON.stringify({ headers: { Authorization: `Bearer ${VALUE}` } })],
    ['SETTINGS', JSON.stringify({ apiKeys: [VALUE] })],
    ['SETTINGS', JSON.stringify({ token: { value: VALUE, kind: 'a-kind-of-token' } })],
    ['REMOTE', `https://ghp_aaaaaaaaaaaaaaaa${VALUE}@git.example/x`],
  ])('are found inside %s=%s', (name, value) => {
    const found = secretValues({ [name]: value });
    expect(found.some((it) => it.endsWith(VALUE) && !it.includes(' '))).toBe(true);
    expect(found).not.toContain('a-kind-of-token');
    expect(found).not.toContain('text/plain');
  });

  it('may be a login, but not a word that says whether there is one', () => {
    expect(secretValues({ BASIC_AUTH: 'ada:lovelace' })).toEqual(['ada:lovelace']);
    expect(secretValues({ BASIC_AUTH: 'required' })).toEqual([]);
  });

  it('are also the passwords in URLs, as they stand there and as they are', () => {
    const variables = {
      HTTPS_PROXY: 'http://ada:pass%40word%21@proxy.example:3128',
      DATABASE_URL: 'postgres://runner:Vq3-9xLm@db/runs',
      HTTP_PROXY: 'http://proxy.example:8080/a@b',
      EMPTY_URL: 'http://ada:@proxy.example',
    };
    expect(secretValues(variables)).toEqual(['pass%40word%21', 'pass@word!', 'Vq3-9xLm']);
  });

  it('may be members of a JSON object', () => {
    const config = {
      model: 'acme/model-one',
      provider: { acme: { options: { baseURL: 'http://models.example', apiKey: VALUE } } },
      keys: [{ token: 'another-token' }],
    };
    expect(secretValues({ OPENCODE_CONFIG_CONTENT: JSON.stringify(config) })).toEqual([
      VALUE,
      'another-token',
    ]);
    expect(secretValues({ OPENCODE_CONFIG_CONTENT: '{"apiKey": "half of it' })).toEqual([]);
  });

  it('may be a JSON object as a whole, unless it has lines that say little', () => {
    const account = { type: 'service_account', private_key: 'of\nmany lines' };
    const [flat, pretty] = [JSON.stringify(account), JSON.stringify(account, null, 2)];
    expect(secretValues({ GCP_CREDENTIALS: flat })).toEqual([flat, account.private_key]);
    expect(secretValues({ GCP_CREDENTIALS: pretty })).toEqual([account.private_key]);
  });

  it('are given once each', () => {
    expect(secretValues({ A_KEY: VALUE, B_KEY: VALUE })).toEqual([VALUE]);
  });
});
