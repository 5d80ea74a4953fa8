import { RunnerProtocolError } from './errors.js';
import type { Outgoing, Transport } from './transport.js';

/** Of which list the items are. */
export interface Listing {
  path: string;
  /** The member of each page that holds the items. */
  member: string;
  query?: Outgoing['query'];
  signal?: AbortSignal;
}

/**
 * The items of a list that comes page by page, as many as are taken.
 * @throws {RunnerProtocolError} if a page leads to itself: there would be no end
 */
export async function* itemsOf<Item>(
  transport: Transport,
  { path, member, query, signal }: Listing,
): AsyncGenerator<Item, void, undefined> {
  let cursor: string | null = null;
  do {
    const outgoing: Outgoing = { query: { ...query, cursor }, signal };
    const page: Record<string, unknown> = await transport.json('GET', path, outgoing);
    const items = page[member];
    if (!Array.isArray(items)) {
      throw new RunnerProtocolError(`What answers is no runner: its list has no ${member}.`);
    }
    yield* items as Item[];
    const next = page.next_cursor as string | null;
    if (next !== null && next === cursor) {
      throw new RunnerProtocolError('What answers is no runner: its list goes in a circle.');
    }
    cursor = next;
  } while (cursor !== null);
}
