import type { ErrorCode } from '../common/errors.js';
import { LOCATION } from '../openapi/headers.js';
import {
  bytesBody,
  inPath,
  inQuery,
  json,
  type RouteDescription,
} from '../openapi/route-description.js';
import { PackageBody, PackageDeletionBody, PackageListBody } from './package.answers.js';
import {
  DependenciesRequest,
  OverlayEntriesRequest,
  RegisterPackageRequest,
} from './package-requests.js';

const PACKAGE_ID = inPath('id', 'The id of the package, in any spelling that comes to it.');
const PLACE = { ...LOCATION, description: 'The path of the package.' };
/** What a change of the registry can end with, whichever it is. */
const OF_CHANGES: readonly ErrorCode[] = ['registry_unreadable'];

export const LIST_PACKAGES: RouteDescription = {
  id: 'listPackages',
  summary: 'All packages, and which one is active',
  answers: { 200: json('The packages.', PackageListBody) },
};

export const GET_PACKAGE: RouteDescription = {
  id: 'getPackage',
  summary: 'One package',
  parameters: [PACKAGE_ID],
  answers: { 200: json('The package.', PackageBody) },
  errors: ['package_not_found'],
};

export const REGISTER_PACKAGE: RouteDescription = {
  id: 'registerPackage',
  summary: 'Register a folder of the server',
  description:
    'Its real path has to lie under one of `FERMILINK_PACKAGE_PATHS`. The first package becomes active. A known id gets the new folder, and keeps what else is known of it.',
  body: RegisterPackageRequest,
  answers: {
    200: json('The id was there already; it has this folder now.', PackageBody),
    201: json('It is registered.', PackageBody, PLACE),
  },
  errors: ['package_invalid', 'package_path_forbidden', ...OF_CHANGES],
};

export const UPLOAD_PACKAGE: RouteDescription = {
  id: 'uploadPackage',
  summary: 'Upload a package',
  description:
    'The body is a tar archive that is compressed with gzip. Its top level is that of the package. It is taken whole or not at all.',
  parameters: [
    PACKAGE_ID,
    inQuery('replace', 'A package of this id may be there already, and is replaced.', {
      enum: ['true', 'false'],
      default: 'false',
    }),
    inQuery('title', 'The title of the package; else its id.', { maxLength: 256 }),
  ],
  body: bytesBody('A tar.gz.', 'application/gzip', 'application/octet-stream'),
  answers: {
    200: json('It has replaced the one that was there.', PackageBody),
    201: json('It is there.', PackageBody, PLACE),
  },
  errors: [
    ...(['package_exists', 'package_invalid', 'package_too_large', 'request_timeout'] as const),
    'too_many_requests',
    ...OF_CHANGES,
  ],
};

export const ACTIVATE_PACKAGE: RouteDescription = {
  id: 'activatePackage',
  summary: 'Make a package the active one',
  parameters: [PACKAGE_ID],
  answers: { 200: json('It is active.', PackageBody) },
  errors: ['package_not_found', ...OF_CHANGES],
};

export const SET_OVERLAY: RouteDescription = {
  id: 'setPackageOverlay',
  summary: 'Choose what of a package goes into a session',
  parameters: [PACKAGE_ID],
  body: OverlayEntriesRequest,
  answers: { 200: json('The package.', PackageBody) },
  errors: ['package_invalid', 'package_not_found', ...OF_CHANGES],
};

export const SET_DEPENDENCIES: RouteDescription = {
  id: 'setPackageDependencies',
  summary: 'Choose the packages that are linked beside one',
  parameters: [PACKAGE_ID],
  body: DependenciesRequest,
  answers: { 200: json('The package.', PackageBody) },
  errors: ['package_invalid', 'package_not_found', ...OF_CHANGES],
};

export const DELETE_PACKAGE: RouteDescription = {
  id: 'deletePackage',
  summary: 'Remove a package',
  description:
    'Files are removed only in the managed storage, and only where no other package has them; those of an uploaded package stay until no run that is under way uses them.',
  parameters: [PACKAGE_ID],
  answers: { 200: json('It is gone from the registry.', PackageDeletionBody) },
  errors: ['package_not_found', ...OF_CHANGES],
};
