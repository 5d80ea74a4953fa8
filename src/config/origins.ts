import { listed } from './listed.js';

/** What an origin has to look like; `*` is none: it would let every page in. */
export const ORIGINS_RULE =
  'must be origins such as https://app.example.org, without a path, separated by commas';

/** Whether a text is a list of exact origins, as browsers write them. */
export function areOrigins(text: string): boolean {
  return listed(text).every((origin) => {
    try {
      const url = new URL(origin);
      return /^https?:$/.test(url.protocol) && url.origin === origin;
    } catch {
      return false;
    }
  });
}
