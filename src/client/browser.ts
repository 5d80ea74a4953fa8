/** Whether this runs in a page, or in a worker of one, with the limits that browsers have. */
function isInBrowser(): boolean {
  return 'document' in globalThis || 'WorkerGlobalScope' in globalThis;
}

/** Why a browser may tell of a server that is there as of one that is not. */
const REASONS =
  ' In a browser it may also be that the runner does not know the origin of this page (FERMILINK_RUNNER_CORS_ORIGINS), or that other streams use all of the connections to it that there may be.';

/** What else to look at where no answer comes; empty elsewhere than in a browser. */
export function reasonsOfBrowser(): string {
  return isInBrowser() ? REASONS : '';
}

/**
 * A body that the platform can send: browsers send a stream over HTTP/2 alone, and some send `[object
 * ReadableStream]` in its place, so that there it is read first.
 */
export async function sendable<T>(body: T, signal?: AbortSignal): Promise<T | Blob> {
  if (!(body instanceof ReadableStream) || !isInBrowser()) return body;
  const parts: Uint8Array<ArrayBuffer>[] = [];
  const taking = new WritableStream<Uint8Array<ArrayBuffer>>({
    write: (part) => void parts.push(part),
  });
  await body.pipeTo(taking, { signal });
  return new Blob(parts);
}
