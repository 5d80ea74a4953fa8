import { isIP } from 'node:net';
import type { Request } from 'express';
import { isLoopbackHost } from '../common/loopback.js';

const AUTHORITY = /^(?<host>\[[0-9a-f:.]+\]|[^:[\]@/\s]+)(?<port>:\d{1,5})?$/i;

/**
 * While nothing is configured, every program of this machine may call; the pages that its browsers show may
 * not. A page of elsewhere is known by its `Origin`, and one whose name was bent to this machine (DNS
 * rebinding) by the `Host` that it asks for.
 *
 * @param isLocalOnly the server is there for this machine; elsewhere it cannot know by which names it is called
 * @returns what is foreign, as the beginning of a sentence; null if nothing is
 */
export function foreignPart(
  request: Pick<Request, 'headers'>,
  { isLocalOnly, origins }: { isLocalOnly: boolean; origins: readonly string[] },
): string | null {
  const { host = '', origin } = request.headers;
  const called = AUTHORITY.exec(host)?.groups;
  if (isLocalOnly && (called === undefined || !isLoopbackHost(called.host!))) {
    return 'The Host of this request is not this machine';
  }
  if (origin === undefined || origins.includes(origin)) return null;
  return isOwnOrigin(origin, called) ? null : 'The Origin of this request is a foreign page';
}

/** Whether a page is this server's own. By a name that is no address, any page could claim to be. */
function isOwnOrigin(origin: string, called: Record<string, string> | undefined): boolean {
  if (called === undefined || !origin.startsWith('http://')) return false;
  const page = AUTHORITY.exec(origin.slice('http://'.length))?.groups;
  if (page === undefined || (page.port ?? ':80') !== (called.port ?? ':80')) return false;
  const [pageHost, ownHost] = [page.host!.toLowerCase(), called.host!.toLowerCase()];
  if (isLoopbackHost(pageHost)) return isLoopbackHost(ownHost);
  return pageHost === ownHost && isIP(pageHost.replace(/^\[|\]$/g, '')) !== 0;
}
