import { inHeader, type ResponseHeader } from './route-description.js';

/** Headers of requests that more than one route knows. */
export const IDEMPOTENCY_KEY = inHeader(
  'Idempotency-Key',
  'Makes the request safe to repeat: the same key with the same body is the same run.',
  { minLength: 1, maxLength: 255, pattern: '^[\\x20-\\x7e]+$' },
);
export const LAST_EVENT_ID = inHeader(
  'Last-Event-ID',
  'The id of the last event that the client has. It wins over `after`; absent, empty or 0 is from the start.',
);
export const ACTING_USER = inHeader(
  'X-FermiLink-User',
  'The user for whom a token that may speak for any user asks.',
);

/** Headers of answers that more than one route has. */
export const LOCATION: ResponseHeader = {
  name: 'Location',
  description: 'The path of the run.',
  schema: { type: 'string' },
  always: true,
};
export const ETAG: ResponseHeader = {
  name: 'ETag',
  description: 'Names this very content.',
  schema: { type: 'string' },
  always: true,
};
export const CACHE_CONTROL: ResponseHeader = {
  name: 'Cache-Control',
  description: 'The answer is of this moment.',
  schema: { type: 'string' },
  always: true,
};
export const ACCEPT_RANGES: ResponseHeader = {
  name: 'Accept-Ranges',
  description: 'Always `bytes`.',
  schema: { type: 'string' },
  always: true,
};
export const CONTENT_RANGE: ResponseHeader = {
  name: 'Content-Range',
  description: 'Which part it is; `bytes */SIZE` where there is no such part.',
  schema: { type: 'string' },
  always: true,
};
/** Of problems alone: see `HEADERS_OF_CODES`. */
export const RETRY_AFTER: ResponseHeader = {
  name: 'Retry-After',
  description: 'Whole seconds after which another try is worth it.',
  schema: { type: 'string', pattern: '^([1-9]|[1-5][0-9]|60)$' },
  always: true,
};
export const WWW_AUTHENTICATE: ResponseHeader = {
  name: 'WWW-Authenticate',
  description: 'How to authenticate.',
  schema: { type: 'string' },
  always: true,
};
