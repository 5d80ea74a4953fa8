import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { PROJECT_ROOT } from './load-config.js';
import { SCOPES } from './scopes.js';
import { tokensOf } from './tokens-file.js';

const schema = JSON.parse(
  readFileSync(join(PROJECT_ROOT, 'schemas', 'tokens.schema.json'), 'utf8'),
) as { $defs: { token: { properties: { scopes: { items: { enum: string[] } } } } } };
const matchesSchema = new Ajv2020({ strict: false }).compile(schema);

const SHA = 'ab'.repeat(32);
const TOKEN = { name: 'web', sha256: SHA, scopes: ['runs:read'] };

function read(document: unknown) {
  const faults: string[] = [];
  const tokens = tokensOf(
    typeof document === 'string' ? document : JSON.stringify(document),
    faults,
  );
  return { tokens, faults };
}

describe('a tokens file', () => {
  it('gives its tokens', () => {
    const of = { ...TOKEN, name: 'ada', sha256: 'CD'.repeat(32), user: ' Ada ' };
    const { tokens, faults } = read({
      $schema: 'x',
      version: 1,
      tokens: [TOKEN, { ...of, expires_at: '2030-01-31T12:00:00+01:00' }],
    });
    expect(faults).toEqual([]);
    expect(tokens).toEqual([
      { ...TOKEN, user: null, expiresAt: null },
      {
        ...{ name: 'ada', sha256: 'cd'.repeat(32), scopes: ['runs:read'], user: 'Ada' },
        expiresAt: Date.UTC(2030, 0, 31, 11),
      },
    ]);
    expect(read({ tokens: [] })).toEqual({ tokens: [], faults: [] });
  });

  it.each([
    [[], 'what it holds must be an object'],
    [{}, 'tokens must be a list'],
    [{ tokens: [], more: 1 }, 'more is not known'],
    [{ version: 2, tokens: [] }, 'version must be 1'],
    [{ tokens: ['x'] }, 'tokens[0] must be an object'],
    [{ tokens: [{ ...TOKEN, token: 'x' }] }, 'tokens[0].token is not known'],
    [{ tokens: [{ ...TOKEN, name: '' }] }, 'tokens[0].name must be'],
    [{ tokens: [{ ...TOKEN, name: '-x' }] }, 'tokens[0].name must be'],
    [{ tokens: [{ ...TOKEN, sha256: 'x' }] }, 'tokens[0].sha256 must be'],
    [{ tokens: [{ ...TOKEN, scopes: 'runs:read' }] }, 'tokens[0].scopes must be a list'],
    [{ tokens: [{ ...TOKEN, scopes: ['all'] }] }, 'tokens[0].scopes[0] must be one of'],
    [{ tokens: [{ ...TOKEN, user: '  ' }] }, 'tokens[0].user must be'],
    [{ tokens: [{ ...TOKEN, user: null }] }, 'tokens[0].user must be'],
    [{ tokens: [{ ...TOKEN, user: 'x'.repeat(257) }] }, 'tokens[0].user must have at most'],
    [{ tokens: [{ ...TOKEN, expires_at: 'soon' }] }, 'tokens[0].expires_at must be'],
    [{ tokens: [{ ...TOKEN, expires_at: '2030-01-31' }] }, 'tokens[0].expires_at must be'],
  ])('%j is refused, here and by the schema', (document, fault) => {
    expect(matchesSchema(document)).toBe(false);
    expect(read(document).faults.join('\n')).toContain(fault);
  });

  it('is refused for what a schema cannot say, and never shows a value', () => {
    expect(read('{').faults).toEqual(['what it holds must be JSON']);
    const other = { ...TOKEN, sha256: '12'.repeat(32) };
    expect(read({ tokens: [TOKEN, other] }).faults[0]).toContain('tokens[1].name is that of');
    expect(
      read({ tokens: [TOKEN, { ...TOKEN, name: 'x', sha256: SHA.toUpperCase() }] }).faults[0],
    ).toContain('tokens[1].sha256 is that of');
    expect(read({ tokens: [{ ...TOKEN, expires_at: '2030-99-99T00:00Z' }] }).faults).toHaveLength(
      1,
    );
    expect(read({ tokens: [{ ...TOKEN, sha256: 's3cret' }] }).faults.join()).not.toContain(
      's3cret',
    );
  });

  it('has in its schema every scope that there is', () => {
    expect(schema.$defs.token.properties.scopes.items.enum).toEqual(SCOPES);
    expect(matchesSchema({ tokens: [{ ...TOKEN, scopes: SCOPES, user: 'a' }] })).toBe(true);
  });
});
