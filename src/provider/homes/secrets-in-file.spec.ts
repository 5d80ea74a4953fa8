import { secretsInFile } from './secrets-in-file.js';

describe('the secrets in a file of a CLI', () => {
  it.each([
    [
      'the login of codex',
      '{"OPENAI_API_KEY": null, "tokens": {"id_token": "header.1.x", "access_token": "token-abc", "account_id": "account-1"}}',
      ['header.1.x', 'token-abc'],
    ],
    [
      'the login of claude',
      '{"claudeAiOauth": {"accessToken": "sk-ant-oat-1", "refreshToken": "sk-ant-ort-1", "expiresAt": 1800000000000}}',
      ['sk-ant-oat-1', 'sk-ant-ort-1'],
    ],
    [
      'the login of opencode',
      '{"a": {"type": "api", "key": "key-of-a1"}, "b": {"type": "oauth", "refresh": "refresh-1", "access": "access-12"}}',
      ['key-of-a1', 'refresh-1', 'access-12'],
    ],
    [
      'settings with comments',
      '{ // mine\n "provider": {"x": {"options": {"apiKey": "key-of-x1"}}}, "model": "a-model-name" }',
      ['key-of-x1'],
    ],
    [
      'variables',
      "# mine\nexport GEMINI_API_KEY='key-of-g1'\nMODEL=a-model-name\r\nOTHER_TOKEN = token-123 \n",
      ['key-of-g1', 'token-123'],
    ],
    [
      'TOML',
      'model = "a-model-name"\n[a]\nexperimental_bearer_token = "bearer-1"\n[b]\nexperimental_bearer_token = "bearer-2"\n',
      ['bearer-1', 'bearer-2'],
    ],
    ['no text', '', []],
    ['something else', '= \n[x]\n{"a": ', []],
  ])('of %s', (_what, text, secrets) => {
    expect(secretsInFile(text)).toEqual(secrets);
  });
});
