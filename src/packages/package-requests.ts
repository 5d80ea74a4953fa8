import { isAbsolute } from 'node:path';
import { ApiProperty, ApiSchema } from '@nestjs/swagger';
import { IsOptional, MaxLength } from 'class-validator';
import { type FieldError } from '../common/errors.js';
import { PlainText, PlainTexts, Rule, TextWithout } from '../common/field-rules.js';
import { invalidRequest } from '../common/invalid-request.js';

/** The most characters of an id, a title or a source; and of a path, as Linux has it. */
const MAX_TEXT = 256;
const MAX_PATH = 4096;
/** The most names in a list, and characters in one of them. */
const MAX_NAMES = 1000;

/** The body of `POST /packages`. */
@ApiSchema({ name: 'RegisterPackageRequest' })
export class RegisterPackageRequest {
  @PlainText()
  @MaxLength(MAX_TEXT, { message: `must have at most ${MAX_TEXT} characters` })
  id!: string;

  @ApiProperty({ description: 'A folder of the server.' })
  @PlainText()
  @MaxLength(MAX_PATH, { message: `must have at most ${MAX_PATH} characters` })
  @Rule('must be an absolute path', (value) => typeof value !== 'string' || isAbsolute(value))
  path!: string;

  @IsOptional()
  @PlainText()
  @MaxLength(MAX_TEXT, { message: `must have at most ${MAX_TEXT} characters` })
  @TextWithout(/\p{Cc}/u, 'must not contain control characters')
  title?: string;

  @IsOptional()
  @PlainText()
  @MaxLength(MAX_PATH, { message: `must have at most ${MAX_PATH} characters` })
  @TextWithout(/\p{Cc}/u, 'must not contain control characters')
  source?: string;
}

/** The body of `PUT /packages/{id}/overlay`. */
@ApiSchema({ name: 'OverlayEntriesRequest' })
export class OverlayEntriesRequest {
  @ApiProperty({
    type: [String],
    description: 'Top-level names of the package; an empty list stands for all.',
  })
  @PlainTexts(MAX_NAMES, MAX_TEXT)
  entries!: string[];
}

/** The body of `PUT /packages/{id}/dependencies`. */
@ApiSchema({ name: 'DependenciesRequest' })
export class DependenciesRequest {
  @ApiProperty({
    type: [String],
    description: 'Packages that are there; the package itself is left out.',
  })
  @PlainTexts(MAX_NAMES, MAX_TEXT)
  package_ids!: string[];
}

/** What `PUT /packages/{id}/archive` is asked beside the archive. */
export interface UploadOptions {
  /** A package that is there already may be replaced. */
  replace: boolean;
  title: string | undefined;
}

/**
 * The options in the query of an upload: `replace=true|false`, `title=`.
 * @throws {RunnerError} `invalid_request`
 */
export function uploadOptionsOf(query: Record<string, unknown>): UploadOptions {
  const errors: FieldError[] = [];
  const { replace = 'false', title } = query;
  if (replace !== 'true' && replace !== 'false') {
    errors.push({ field: 'replace', message: 'must be one of: true, false' });
  }
  const isTitle =
    title === undefined ||
    (typeof title === 'string' && title.length <= MAX_TEXT && !/\p{Cc}|\p{Cs}/u.test(title));
  if (!isTitle) {
    const rule = `must be given once, with at most ${MAX_TEXT} characters and no control characters`;
    errors.push({ field: 'title', message: rule });
  }
  if (errors.length > 0) throw invalidRequest(errors);
  return { replace: replace === 'true', title: title === '' ? undefined : (title as string) };
}
