import type { ErrorCode } from '../common/errors.js';
import { bytes, inPath, type RouteDescription, text } from './route-description.js';

const ASSET_HEADERS = [
  {
    name: 'Cache-Control',
    description: 'It changes with the version of the server alone.',
    schema: { type: 'string' },
    always: true,
  },
] as const;

/** They are not there where an administrator has switched them off. */
const SWITCHED_OFF: readonly ErrorCode[] = ['not_found'];

export const DOCUMENT: RouteDescription = {
  id: 'getDocument',
  summary: 'This document',
  answers: {
    200: {
      description: 'OpenAPI 3.1.',
      headers: [],
      content: { 'application/json': { schema: { type: 'object' } } },
    },
  },
  errors: SWITCHED_OFF,
};

export const DOCS_PAGE: RouteDescription = {
  id: 'getDocs',
  summary: 'A page to read it and to try it',
  answers: { 200: text('The page.', 'text/html') },
  errors: SWITCHED_OFF,
};

export const DOCS_ASSET: RouteDescription = {
  id: 'getDocsAsset',
  summary: 'What that page is made of',
  parameters: [inPath('asset', 'The name of a file.')],
  answers: { 200: bytes('The file.', '*/*', ...ASSET_HEADERS) },
  errors: ['not_found'],
};
