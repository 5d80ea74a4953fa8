import { createHash, randomBytes } from 'node:crypto';
import { dirname } from 'node:path';
import { writeAtomically } from '../common/atomic-file.js';
import { lockFile } from '../common/file-lock.js';
import { makeFolder } from '../common/make-folder.js';
import { readRegularFile } from '../common/regular-file.js';
import { MAX_TOKENS_BYTES, tokensOf } from '../config/tokens-file.js';

/** By it programs that look for secrets know one of ours. */
const PREFIX = 'flr_';
const TOKEN_BYTES = 32;
/** How long another command that writes the file is waited for, in seconds. */
const WAIT_SECONDS = 10;

/** The file cannot be changed as asked; the message is for a person. */
export class TokenFileFault extends Error {}

/** What a new token is to be. */
export interface NewToken {
  name: string;
  scopes: readonly string[];
  user?: string | undefined;
  /** ISO-8601 with its time zone. */
  expiresAt?: string | undefined;
}

/** The parsed file; of a token more than its name is only passed on. */
interface TokensDocument {
  $schema?: string;
  version?: 1;
  tokens: { name: string; [member: string]: unknown }[];
}

/** Changes a tokens file as a whole: a server that reads it finds the old list or the new one. */
export class TokenFileEditor {
  constructor(private readonly path: string) {}

  /**
   * A line for each token: name, scopes, user and expiry, with tabs between them.
   * @throws {TokenFileFault}
   */
  async list(): Promise<string[]> {
    const document = await this.readIfThere();
    if (document === null) throw new TokenFileFault(`There is no file ${this.path}.`);
    const { tokens } = document;
    return tokensOf(JSON.stringify({ tokens }), []).map(({ name, scopes, user, expiresAt }) => {
      const expiry = expiresAt === null ? '' : `expires ${new Date(expiresAt).toISOString()}`;
      const of = user === null ? 'any user' : `user ${JSON.stringify(user)}`;
      return [name, scopes.join(','), of, expiry].join('\t').trimEnd();
    });
  }

  /**
   * Adds a token.
   * @returns the token itself, which is kept nowhere
   * @throws {TokenFileFault}
   */
  async add({ name, scopes, user, expiresAt }: NewToken): Promise<string> {
    if (expiresAt !== undefined && Date.parse(expiresAt) <= Date.now()) {
      throw new TokenFileFault('The token cannot be made: it would have expired already.');
    }
    const token = PREFIX + randomBytes(TOKEN_BYTES).toString('base64url');
    await this.change((document) => {
      if (document.tokens.some((it) => it.name === name)) {
        throw new TokenFileFault(
          `There is a token "${name}" already; remove it or take another name.`,
        );
      }
      const sha256 = createHash('sha256').update(token).digest('hex');
      const added = { name, sha256, scopes, user, expires_at: expiresAt };
      requireValid(
        { tokens: [added] },
        (rule) => `The token cannot be made: ${rule.replace(/^tokens\[0\]\./, '')}.`,
      );
      document.tokens.push(added);
    });
    return token;
  }

  /** @throws {TokenFileFault} if there is no such token, or the file cannot be changed */
  async remove(name: string): Promise<void> {
    await this.change((document) => {
      const left = document.tokens.filter((it) => it.name !== name);
      if (left.length === document.tokens.length) {
        throw new TokenFileFault(`There is no token "${name}"; --list shows those that there are.`);
      }
      document.tokens = left;
    });
  }

  private async change(edit: (document: TokensDocument) => void): Promise<void> {
    await makeFolder(dirname(this.path), 0o700);
    const lock = await lockFile(`${this.path}.lock`, WAIT_SECONDS, { mode: 0o600 });
    if (lock === null) throw new TokenFileFault('Another command changes the file; try again.');
    try {
      const document = await this.read();
      edit(document);
      await writeAtomically(this.path, `${JSON.stringify(document, null, 2)}\n`, { mode: 0o600 });
    } finally {
      await lock.release();
    }
  }

  private async read(): Promise<TokensDocument> {
    return (await this.readIfThere()) ?? { version: 1, tokens: [] };
  }

  private async readIfThere(): Promise<TokensDocument | null> {
    const bytes = await readRegularFile(this.path, MAX_TOKENS_BYTES, { followLink: true });
    if (bytes === null) return null;
    const text = bytes.toString('utf8');
    const faults: string[] = [];
    tokensOf(text, faults);
    if (faults.length > 0) {
      throw new TokenFileFault(`${this.path} is not valid: ${faults[0]}. Mend that first.`);
    }
    return JSON.parse(text) as TokensDocument;
  }
}

function requireValid(document: object, sentence: (rule: string) => string): void {
  const faults: string[] = [];
  tokensOf(JSON.stringify(document), faults);
  if (faults[0] !== undefined) throw new TokenFileFault(sentence(faults[0]));
}
