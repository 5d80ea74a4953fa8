import { existsSync } from 'node:fs';
import { isAbsolute } from 'node:path';

type Members = Readonly<Record<string, unknown>>;
type Variables = Readonly<Record<string, string | undefined>>;

/** What is shorter stands in too many texts by chance. */
const MIN_BYTES = 8;
/** How a word of a variable's name ends where its value is a secret: `OPENAI_API_KEY`, `apiKey`. */
const SECRET_WORD =
  /((KEY|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL)S?|TOKEN|(?<![A-Z0-9])(PASS|PWD))(?![A-Z0-9])/i;
/** The last word of names that tell something about a secret: `TOKEN_URL`, `API_KEY_FILE`. */
const ABOUT_SECRET =
  /_(FILE|PATH|DIR|HOME|URL|URI|HOST|PORT|SOCK|NAME|MODE|TYPE|METHOD|HELPER|TTL|MS|SECONDS|LIMIT)$/i;
/** Its value is a scheme and a secret. */
const AUTHORIZATION = /^(proxy-)?authorization$/i;
/** How some logins name their tokens. */
const OAUTH_MEMBER = /^(access|refresh)$/i;
/** What stands in the place of a key: in examples, or where a CLI puts in the value itself. */
export const PLACEHOLDER =
  /^(YOUR_KEY.*HERE|YOUR_REAL_OPENAI_API_KEY|CHANGEME|\$\{\w*\}|\{(env|file):[^{}]*\})$/i;
/** A password, or what stands in the place of a user and is too long to be one. */
const PASSWORD_IN_URL = /:\/\/(?:[^\s/:@]*:([^\s/@]+)|([^\s/:@]{20,}))@/g;
/** `Name: value`, as variables with several headers have them, a line or a comma between two. */
const HEADER = /([\w-]+)\s*:\s*([^,\n]+)/g;

/**
 * The secrets among variables: what the names say to be one, also of members where a value is a JSON
 * object, and the passwords in URLs. Not what is too short to be told from other text, a placeholder, or
 * the path of something that exists.
 */
export function secretValues(variables: Variables): string[] {
  const values = Object.entries(variables).flatMap(([name, value]) =>
    value === undefined ? [] : [...candidates(name, value)],
  );
  return [...new Set(values.map((it) => it.trim()).filter(isSecret))];
}

function* candidates(name: string, value: string): Generator<string> {
  const members = /^\s*\{/.test(value) ? parsed(value) : null;
  // Most lines of a JSON text tell nothing: of one that has several, only what its members say is secret.
  const isManyLines = members !== null && value.trim().includes('\n');
  if ((namesSecret(name) || namesLogin(name, value)) && !isManyLines) {
    yield value;
    // Several keys in one variable.
    if (members === null && value.includes(',')) yield* value.split(',');
  }
  if (AUTHORIZATION.test(name)) yield value.replace(/^\w+\s+/, '');
  if (/headers$/i.test(name)) {
    for (const [, header, content] of value.matchAll(HEADER)) yield* candidates(header!, content!);
  }
  if (value.includes('://')) yield* passwordsInUrls(value);
  if (members !== null) yield* inJson(members);
}

function* passwordsInUrls(value: string): Generator<string> {
  for (const [, password, user] of value.matchAll(PASSWORD_IN_URL)) {
    const secret = (password ?? user)!;
    yield secret;
    yield decoded(secret);
  }
}

function parsed(json: string): object | null {
  try {
    return JSON.parse(json) as object;
  } catch {
    return null;
  }
}

function* inJson(members: object): Generator<string> {
  for (const [name, value] of Object.entries(members) as [string, unknown][]) {
    if (typeof value === 'string') {
      if (OAUTH_MEMBER.test(name)) yield value;
      yield* candidates(name, value);
    } else if (typeof value === 'object' && value !== null) {
      yield* inJson(value);
      // A list of keys, or one that is wrapped.
      const inside = Array.isArray(value) ? (value as unknown[]) : [(value as Members).value];
      if (namesSecret(name)) yield* inside.filter((it) => typeof it === 'string');
    }
  }
}

function namesSecret(name: string): boolean {
  return SECRET_WORD.test(name) && !ABOUT_SECRET.test(name);
}

/** `BASIC_AUTH` may be `user:password`, and may be `required`. */
function namesLogin(name: string, value: string): boolean {
  return /(^|_)AUTH$/i.test(name) && !/^[a-z]*$/i.test(value.trim());
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function isSecret(value: string): boolean {
  if (Buffer.byteLength(value) < MIN_BYTES || PLACEHOLDER.test(value)) return false;
  // No key is a row of asterisks.
  if (new Set(value).size <= 2) return false;
  return !(isAbsolute(value) && existsSync(value));
}
