import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import type { ErrorCode } from '../common/errors.js';
import { CODE_MEANINGS } from './codes.js';

/** A field of a request that is wrong. */
export class FieldProblem {
  @ApiProperty({ description: 'The name of the field, parameter or header.' })
  field!: string;

  @ApiProperty({ description: 'The rule that it breaks.' })
  message!: string;
}

/** What every error is answered with (RFC 9457). */
export class Problem {
  @ApiProperty({ type: String, enum: ['about:blank'] })
  type!: string;

  @ApiProperty({ type: String, description: 'The name of the status.' })
  title!: string;

  @ApiProperty({ type: 'integer', minimum: 400, maximum: 599 })
  status!: number;

  @ApiProperty({
    type: String,
    description: 'A sentence for people: what is wrong, and what to do.',
  })
  detail!: string;

  @ApiProperty({
    enum: Object.keys(CODE_MEANINGS),
    description: 'For programs; never renamed.',
    'x-meanings': CODE_MEANINGS,
  } as object)
  code!: ErrorCode;

  @ApiPropertyOptional({
    type: () => [FieldProblem],
    description: 'Every field that is wrong, of an `invalid_request`.',
  })
  errors?: FieldProblem[];

  @ApiPropertyOptional({ type: String, description: 'The run that was admitted before this.' })
  run_id?: string;
}
