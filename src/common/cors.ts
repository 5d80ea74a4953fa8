import type { NestExpressApplication } from '@nestjs/platform-express';
import type { Request, RequestHandler } from 'express';

/** What a page may send besides what any page may. */
const REQUEST_HEADERS = [
  'Authorization',
  'Content-Type',
  'Idempotency-Key',
  'If-Match',
  'If-None-Match',
  'If-Range',
  'Last-Event-ID',
  'Range',
  'X-FermiLink-User',
  'X-Runner-Metrics-Token',
];
/** What a page may read of an answer besides what any page may. */
const ANSWER_HEADERS = [
  'Accept-Ranges',
  'Allow',
  'Content-Disposition',
  'Content-Range',
  'ETag',
  'Location',
  'Retry-After',
  'WWW-Authenticate',
];
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];
/** How long a browser may remember what it was allowed, in seconds. */
const MAX_AGE_SECONDS = 600;

/**
 * Lets pages of these origins use the API, and no others: those get no header of the kind. It stands before
 * everything else, so that errors have it too, and a preflight needs no identity.
 */
export function allowOrigins(app: NestExpressApplication, origins: readonly string[]): void {
  if (origins.length === 0) return;
  // Also where it allows nothing: what is kept for one page must not be shown to another.
  const vary: RequestHandler = (_request, response, next) => {
    response.vary('Origin');
    next();
  };
  app.use(vary);
  app.enableCors((request: Request, decide: (error: null, options: object) => void) =>
    decide(null, {
      origin: origins.includes(request.get('origin') ?? ''),
      methods: METHODS,
      allowedHeaders: REQUEST_HEADERS,
      exposedHeaders: ANSWER_HEADERS,
      maxAge: MAX_AGE_SECONDS,
    }),
  );
}
