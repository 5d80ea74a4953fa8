import type { ErrorCode } from '../common/errors.js';
import {
  bytes,
  empty,
  inPath,
  inQuery,
  json,
  type RouteDescription,
} from '../openapi/route-description.js';
import { CommitPageBody, DifferenceBody } from './history.answers.js';
import { ATTACHMENT } from './headers.js';
import { FolderPageBody, SessionBody } from './session.answers.js';

const SESSION_ID = inPath('id', 'The id of the session.');
const LIMIT = inQuery('limit', 'How many at most.', {
  type: 'integer',
  minimum: 1,
  maximum: 1000,
  default: 200,
});
const CURSOR = inQuery('cursor', 'The `next_cursor` of the page before.');
/** What any route of a session can find. */
const NO_SESSION: readonly ErrorCode[] = ['session_not_found', 'not_a_folder'];

export const GET_SESSION: RouteDescription = {
  id: 'getSession',
  summary: 'What is known of a session',
  parameters: [SESSION_ID],
  answers: { 200: json('The session.', SessionBody) },
  errors: NO_SESSION,
};

export const DELETE_SESSION: RouteDescription = {
  id: 'deleteSession',
  summary: 'Remove a session',
  description:
    'Its files, conversations and commits go, and its id is free again; the records of its runs stay. A run that comes meanwhile waits, and begins the session anew.',
  parameters: [SESSION_ID],
  answers: { 204: empty('It is gone.') },
  errors: ['session_not_found', 'session_busy'],
};

export const LIST_FILES: RouteDescription = {
  id: 'listFiles',
  summary: 'List a folder of a session',
  parameters: [
    SESSION_ID,
    inQuery('path', 'The folder; the top of the session where it is left out.'),
    LIMIT,
    CURSOR,
  ],
  answers: { 200: json('A part of the folder.', FolderPageBody) },
  errors: [...NO_SESSION, 'path_invalid', 'file_not_found', 'cursor_invalid', 'too_many_requests'],
};

export const GET_ARCHIVE: RouteDescription = {
  id: 'getArchive',
  summary: 'All files of a session as a tar.gz',
  description:
    'Links are stored as links. FIFOs, sockets, devices and names that are no UTF-8 are left out.',
  parameters: [
    SESSION_ID,
    inQuery('include', 'What is left out else: folders named `.git`.', { enum: ['git'] }),
  ],
  answers: { 200: bytes('The archive.', 'application/gzip', ATTACHMENT) },
  errors: [...NO_SESSION, 'too_many_requests'],
};

export const GET_LOG: RouteDescription = {
  id: 'getLog',
  summary: 'What runs have left of a session, as commits',
  description: 'There are any where the administrator lets each run be a commit.',
  parameters: [SESSION_ID, LIMIT, CURSOR],
  answers: { 200: json('A part of the commits.', CommitPageBody) },
  errors: [...NO_SESSION, 'cursor_unknown', 'git_failed'],
};

export const GET_DIFF: RouteDescription = {
  id: 'getDiff',
  summary: 'What has changed in a session',
  parameters: [
    SESSION_ID,
    inQuery(
      'commit',
      'What this commit has changed. Without it: what has changed since the last commit, or, where there is none, since the template that the session began with.',
    ),
  ],
  answers: { 200: json('The difference.', DifferenceBody) },
  errors: [...NO_SESSION, 'commit_not_found', 'git_failed', 'too_many_requests'],
};
