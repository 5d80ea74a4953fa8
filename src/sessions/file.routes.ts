import type { ErrorCode } from '../common/errors.js';
import { ACCEPT_RANGES, CONTENT_RANGE, ETAG } from '../openapi/headers.js';
import {
  bytes,
  bytesBody,
  empty,
  inHeader,
  inPath,
  inRestOfPath,
  type RouteDescription,
} from '../openapi/route-description.js';
import { ATTACHMENT } from './headers.js';

const PLACE = [
  inPath('id', 'The id of the session.'),
  inRestOfPath(
    'path',
    'The way to the file from the top of the session; each component is decoded once.',
  ),
];
const CONDITIONS = [
  inHeader('If-Match', 'Only if the file still has one of these ETags; `*` for any.'),
  inHeader('If-None-Match', 'Only if it has none of these; `*`: only where nothing stands.'),
];
const NO_PLACE: readonly ErrorCode[] = [
  'session_not_found',
  'path_invalid',
  'file_not_found',
  'not_a_file',
  'not_a_folder',
];
const NO_CHANGE: readonly ErrorCode[] = [
  ...NO_PLACE,
  'path_reserved',
  'path_read_only',
  'precondition_failed',
];

export const GET_FILE: RouteDescription = {
  id: 'getFile',
  summary: 'Download a file',
  description:
    'Links are not followed, but those to the package of the session. Several ranges are answered with the whole. A connection that ends early has not sent the whole file: it became shorter meanwhile.',
  parameters: [
    ...PLACE,
    inHeader('Range', 'One range of bytes.'),
    inHeader('If-Range', 'The ETag of which the range is.'),
    inHeader('If-None-Match', 'ETags that the client has.'),
  ],
  answers: {
    200: bytes('The file.', 'application/octet-stream', ETAG, ACCEPT_RANGES, ATTACHMENT),
    206: bytes(
      'A part.',
      'application/octet-stream',
      ETAG,
      ACCEPT_RANGES,
      ATTACHMENT,
      CONTENT_RANGE,
    ),
    304: empty('The client has it.', ETAG),
  },
  errors: [...NO_PLACE, 'range_not_satisfiable'],
};

export const PUT_FILE: RouteDescription = {
  id: 'putFile',
  summary: 'Upload a file',
  description:
    'It replaces whatever stands there but a folder, in one step; folders on the way are made. What is broken off leaves nothing.',
  parameters: [...PLACE, ...CONDITIONS],
  body: bytesBody('The content, of any type.', 'application/octet-stream', '*/*'),
  answers: {
    201: empty('It is new.', ETAG, {
      name: 'Location',
      description: 'Its path.',
      schema: { type: 'string' },
      always: true,
    }),
    204: empty('It has replaced what was there.', ETAG),
  },
  errors: [...NO_CHANGE, 'file_too_large', 'too_many_requests', 'request_timeout'],
};

export const DELETE_FILE: RouteDescription = {
  id: 'deleteFile',
  summary: 'Remove a file, a link, or an empty folder',
  parameters: [...PLACE, ...CONDITIONS],
  answers: { 204: empty('It is gone.') },
  errors: [...NO_CHANGE, 'folder_not_empty'],
};
