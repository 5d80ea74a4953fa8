import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, renameSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Runner } from './runner.js';

export const ALL_SCOPES = [
  'runs:read',
  'runs:write',
  'files:read',
  'files:write',
  'packages:write',
  'ops:read',
  'policy:write',
];

/** A token as a tokens file has it. */
export interface TokenEntry {
  name: string;
  scopes?: readonly string[];
  user?: string;
  expires_at?: string;
}

/** A tokens file, and the tokens that it lists, by name. */
export class TokensFile {
  readonly path = join(mkdtempSync(join(tmpdir(), 'fermilink-tokens-')), 'tokens.json');
  private readonly secrets = new Map<string, string>();

  constructor(entries: readonly TokenEntry[]) {
    this.replace(entries);
  }

  /** Puts another file in its place, as an editor or a mounted secret does; known names keep their tokens. */
  replace(entries: readonly TokenEntry[]): void {
    const tokens = entries.map(({ scopes = ALL_SCOPES, ...entry }) => {
      const sha256 = createHash('sha256').update(this.tokenOf(entry.name)).digest('hex');
      return { ...entry, scopes, sha256 };
    });
    writeFileSync(`${this.path}.new`, JSON.stringify({ version: 1, tokens }), { mode: 0o600 });
    renameSync(`${this.path}.new`, this.path);
  }

  tokenOf(name: string): string {
    const token = this.secrets.get(name) ?? randomBytes(32).toString('base64url');
    this.secrets.set(name, token);
    return token;
  }

  /** The headers by which somebody shows a token, and names a user. */
  as(name: string, user?: string): Record<string, string> {
    return bearer(this.tokenOf(name), user);
  }
}

export function bearer(token: string, user?: string): Record<string, string> {
  const authorization = `Bearer ${token}`;
  return user === undefined ? { authorization } : { authorization, 'x-fermilink-user': user };
}

export interface RawAnswer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
}

/** A request with exactly these headers, also those that `fetch` would not send. */
export function rawAsk(
  runner: Runner,
  method: string,
  path: string,
  headers: readonly (readonly [string, string])[] = [],
  body?: string,
): Promise<RawAnswer> {
  const { hostname, port } = new URL(runner.url);
  const hasHost = headers.some(([name]) => name.toLowerCase() === 'host');
  const all = [
    ...(hasHost ? [] : [['Host', `${hostname}:${port}`] as const]),
    ...(body === undefined
      ? []
      : [
          ['Content-Type', 'application/json'] as const,
          ['Content-Length', String(Buffer.byteLength(body))] as const,
        ]),
    ...headers,
  ];
  return new Promise((resolve, reject) => {
    const asked = request({ hostname, port, method, path, headers: all.flat(), setHost: false });
    asked.on('error', reject);
    asked.on('response', (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString()));
      response.on('error', reject);
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text }),
      );
    });
    asked.end(body);
  });
}
