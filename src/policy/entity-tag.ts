import { createHash } from 'node:crypto';

/** A strong entity tag (RFC 9110, section 8.8.3) of parts that belong together. */
export function entityTag(...parts: readonly (string | Buffer | null)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) {
    // What stands in one part cannot pass for what stands in the next.
    hash.update(part === null ? 'none:' : `${Buffer.byteLength(part)}:`);
    if (part !== null) hash.update(part);
  }
  return `"${hash.digest('base64url').slice(0, 22)}"`;
}

/**
 * Whether an `If-Match` lets a request pass (RFC 9110, section 13.1.1); one that is absent does. Weak
 * tags never match.
 */
export function matches(ifMatch: string | undefined, tag: string): boolean {
  if (ifMatch === undefined || ifMatch.trim() === '*') return true;
  return [...ifMatch.matchAll(/(?:W\/)?"[^"]*"/g)].some(([it]) => it === tag);
}
