import { inQuery, json, type RouteDescription, text } from '../openapi/route-description.js';
import { AdmissionBody, ConcurrencyBody, HealthBody, ProvidersBody } from './ops.answers.js';

export const CONCURRENCY: RouteDescription = {
  id: 'getConcurrency',
  summary: 'How busy the runner is',
  answers: { 200: json('Of this moment.', ConcurrencyBody) },
};

export const CONCURRENCY_TEXT: RouteDescription = {
  id: 'getConcurrencyText',
  summary: 'The same as gauges for Prometheus',
  answers: { 200: text("Prometheus' text format.", 'text/plain') },
};

export const PROVIDERS: RouteDescription = {
  id: 'getProviders',
  summary: 'Whether the agent CLIs can work here',
  answers: { 200: json('As it was seen at most a minute ago.', ProvidersBody) },
};

export const ADMISSION_OF: RouteDescription = {
  id: 'getAdmission',
  summary: 'Whether a run would start at once',
  parameters: [
    inQuery('user_id', 'The user whose run it would be.'),
    inQuery('session_id', 'The session that it would work in.'),
  ],
  answers: { 200: json('Of this moment.', AdmissionBody) },
};

export const METRICS: RouteDescription = {
  id: 'getMetrics',
  summary: 'All metrics for Prometheus',
  answers: { 200: text("Prometheus' text format.", 'text/plain') },
};

const HEALTHY = json('It is.', HealthBody);

export const LIVE: RouteDescription = {
  id: 'getLive',
  summary: 'Whether the process answers',
  answers: { 200: HEALTHY },
};

export const STARTUP: RouteDescription = {
  id: 'getStartup',
  summary: 'Whether the server has started',
  answers: { 200: HEALTHY },
};

export const READY: RouteDescription = {
  id: 'getReady',
  summary: 'Whether new runs would find what they need',
  answers: { 200: HEALTHY, 503: json('It is not: `error` says why.', HealthBody) },
};
