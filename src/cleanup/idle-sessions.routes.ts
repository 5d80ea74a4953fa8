import { inQuery, json, type RouteDescription } from '../openapi/route-description.js';
import { IdleSessionsBody } from './idle-sessions.answers.js';

/** The most days that can be asked about. */
export const MAX_DAYS = 36_500;
/** How many sessions are listed at most, and where nobody says how many. */
export const MAX_LISTED = 10_000;
export const LISTED = 1000;

export const GET_IDLE_SESSIONS: RouteDescription = {
  id: 'getIdleSessions',
  summary: 'The sessions that the next clean-up would remove',
  parameters: [
    inQuery('days', 'As if sessions were removed after so many days without use.', {
      type: 'integer',
      minimum: 1,
      maximum: MAX_DAYS,
    }),
    inQuery('limit', 'How many are listed at most.', {
      type: 'integer',
      minimum: 1,
      maximum: MAX_LISTED,
      default: LISTED,
    }),
  ],
  answers: { 200: json('Of this moment.', IdleSessionsBody) },
};
