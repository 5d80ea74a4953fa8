import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';

export const ISSUER = 'https://id.example.org/';
export const AUDIENCE = 'fermilink-runner';

/** What of a token is not as usual. */
export interface Wish {
  kid?: string;
  alg?: string;
  issuer?: string;
  audience?: string;
  /** Seconds from now; null leaves it out. */
  expires?: number | null;
  notBefore?: number;
  /** Whether it says which key it was signed with. */
  namesKey?: boolean;
}

/** Keys, tokens that are signed with them, and a server that hands out the public ones. */
export class IdentityProvider {
  /** What it hands out. */
  published: JWK[] = [];
  asked = 0;
  /** What it does instead of answering. */
  trouble: 'none' | 'hangs' | 'error' | 'nonsense' | 'redirect' | 'floods' = 'none';
  private readonly keys = new Map<string, CryptoKey>();
  private server: Server | null = null;

  /** Makes a key pair and publishes its public half. */
  async addKey(kid: string, alg = 'ES256'): Promise<JWK> {
    const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
    this.keys.set(kid, privateKey);
    const jwk = { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' };
    this.published.push(jwk);
    return jwk;
  }

  async token(claims: Record<string, unknown>, wish: Wish = {}): Promise<string> {
    const { kid = 'one', alg = 'ES256', issuer = ISSUER, audience = AUDIENCE } = wish;
    const { expires = 60, notBefore, namesKey = true } = wish;
    const now = Math.floor(Date.now() / 1000);
    const jwt = new SignJWT({
      iss: issuer,
      aud: audience,
      ...(expires === null ? {} : { exp: now + expires }),
      ...(notBefore === undefined ? {} : { nbf: now + notBefore }),
      ...claims,
    });
    return jwt.setProtectedHeader({ alg, ...(namesKey ? { kid } : {}) }).sign(this.keys.get(kid)!);
  }

  /** Serves the keys on loopback; gives the URL. */
  async serve(port = 0): Promise<string> {
    this.server = createServer((_request, response) => {
      this.asked += 1;
      if (this.trouble === 'hangs') return;
      if (this.trouble === 'error') response.writeHead(500).end();
      else if (this.trouble === 'nonsense') response.end('<html>');
      else if (this.trouble === 'floods') {
        const keys = JSON.stringify({ keys: this.published });
        // Valid to the end, and larger than any set of keys that is in use.
        response.end(keys + ' '.repeat(2 * 1024 * 1024));
      } else if (this.trouble === 'redirect') {
        response.writeHead(302, { location: 'https://evil.example/jwks' }).end();
      } else response.end(JSON.stringify({ keys: this.published }));
    }).listen(port, '127.0.0.1');
    await once(this.server, 'listening');
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/jwks`;
  }

  async close(): Promise<void> {
    this.server?.closeAllConnections();
    await new Promise((resolve) => this.server?.close(resolve) ?? resolve(null));
  }
}
