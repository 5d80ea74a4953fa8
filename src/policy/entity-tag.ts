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
