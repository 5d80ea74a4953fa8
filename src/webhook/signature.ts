import { createHmac } from 'node:crypto';

/**
 * The signature of a delivery by the Standard Webhooks scheme: HMAC-SHA256 of `ID.TIMESTAMP.BODY` in
 * base64, behind its version.
 * @param timestamp of this try, in seconds since 1970
 */
export function signatureOf(key: Buffer, id: string, timestamp: number, body: string): string {
  const hmac = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`);
  return `v1,${hmac.digest('base64')}`;
}
