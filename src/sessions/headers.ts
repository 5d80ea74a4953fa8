import type { ResponseHeader } from '../openapi/route-description.js';

/** Headers of answers that hold what an agent has made. */
export const ATTACHMENT: ResponseHeader = {
  name: 'Content-Disposition',
  description: 'Always `attachment`, with a name to save it under.',
  schema: { type: 'string' },
  always: true,
};
