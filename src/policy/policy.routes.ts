import { CACHE_CONTROL, ETAG } from '../openapi/headers.js';
import { empty, inHeader, json, type RouteDescription } from '../openapi/route-description.js';
import { PolicyBody, PolicyRequest } from './policy.answers.js';

export const GET_POLICY: RouteDescription = {
  id: 'getPolicy',
  summary: 'The policy that is stored, and the one that holds',
  parameters: [inHeader('If-None-Match', 'The tag of what the client has.')],
  answers: {
    200: json('As it is now.', PolicyBody, ETAG, CACHE_CONTROL),
    304: empty('The client has it.', ETAG, CACHE_CONTROL),
  },
};

export const PUT_POLICY: RouteDescription = {
  id: 'putPolicy',
  summary: 'Replace the policy',
  description:
    'The next run gets it. Every member has to be given, and nothing else but `version` and `updated_at`, which the server sets itself. A policy under which no run could be started is refused.',
  parameters: [inHeader('If-Match', 'The tag of what the change is based on, or `*`.')],
  body: PolicyRequest,
  answers: { 200: json('It is stored.', PolicyBody, ETAG, CACHE_CONTROL) },
  errors: ['precondition_failed', 'policy_busy', 'policy_unwritable'],
};
