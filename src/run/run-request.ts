import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import {
  IsBoolean,
  IsInt,
  IsOptional,
  IsString,
  Matches,
  MaxLength,
  Min,
  MinLength,
} from 'class-validator';
import { OneOf, PlainText, Rule, TextWithout } from '../common/field-rules.js';
import { isJsonObject } from '../common/json.js';
import { SESSION_ID } from '../workspace/session-id.js';

/** The most code points that a prompt may have (contract, section 1). */
export const MAX_PROMPT_CHARACTERS = 10_000;
/** The most bytes that `metadata` may have as JSON. */
const MAX_METADATA_BYTES = 4096;
/** How deep `metadata` may be nested: more than anybody needs, and nothing that walks it can overflow. */
const MAX_METADATA_DEPTH = 32;

export const ON_DISCONNECT = ['cancel', 'continue'] as const;
export type OnDisconnect = (typeof ON_DISCONNECT)[number];

export const VIEWS = ['raw', 'activity'] as const;
export type View = (typeof VIEWS)[number];

export const ON_BUSY = ['queue', 'reject', 'interrupt'] as const;
export type OnBusy = (typeof ON_BUSY)[number];

/** The body of `POST /run` and `POST /runs`, with what is blank or null left out (contract, section 1). */
export class RunRequest {
  @ApiProperty({
    description: 'What the agent is to do; a prompt of blanks is one.',
    maxLength: MAX_PROMPT_CHARACTERS,
  })
  @PlainText()
  @MinLength(1, { message: 'must have at least 1 character' })
  user_prompt!: string;

  @ApiPropertyOptional({
    description: 'The session to work in; a fresh one where it is absent or empty.',
  })
  @IsOptional()
  @PlainText()
  @Matches(SESSION_ID, {
    message:
      'must be 1 to 128 characters of A-Z, a-z, 0-9, ".", "_" and "-", beginning with a letter or digit',
  })
  session_id?: string;

  @ApiPropertyOptional({
    description: 'The user of the run; blank is absent.',
  })
  @IsOptional()
  @PlainText()
  @MaxLength(256, { message: 'must have at most 256 characters' })
  @TextWithout(/\p{Cc}/u, 'must not contain control characters')
  user_id?: string;

  @ApiPropertyOptional({
    description: 'A scientific package to link into the session; blank is absent.',
  })
  @IsOptional()
  @PlainText()
  package_id?: string;

  @ApiPropertyOptional({
    description: '`read-only` narrows what the administrator allows; anything else is ignored.',
  })
  @IsOptional()
  @IsString({ message: 'must be a string' })
  sandbox?: string;

  @ApiPropertyOptional({
    description: "Ignored: the provider is the administrator's.",
  })
  @IsOptional()
  @IsString({ message: 'must be a string' })
  provider?: string;

  @ApiPropertyOptional({
    description:
      'Whether the run ends when its last follower has gone: by default with `POST /run`, and not with `POST /runs`.',
  })
  @IsOptional()
  @OneOf(ON_DISCONNECT)
  on_disconnect?: OnDisconnect;

  @ApiPropertyOptional({
    description: 'What happens where the session has runs that have not ended: `queue` by default.',
  })
  @IsOptional()
  @OneOf(ON_BUSY)
  on_busy?: OnBusy;

  /** How the answer shows the run's events: nothing of the run itself. */
  @ApiPropertyOptional({
    description:
      'How the answer shows what the agent says: `raw` by default. It wins over `?view=`.',
  })
  @IsOptional()
  @OneOf(VIEWS)
  view?: View;

  /** The session's last conversation with the provider is to go on. */
  @ApiPropertyOptional({
    description: "The session's last conversation with the provider goes on.",
  })
  @IsOptional()
  @IsBoolean({ message: 'must be true or false' })
  continue_conversation?: boolean;

  /** Seconds; the pipe also holds it against the configured limit. */
  @ApiPropertyOptional({
    description: 'Seconds; at most the configured limit.',
  })
  @IsOptional()
  @IsInt({ message: 'must be a whole number of seconds' })
  @Min(1, { message: 'must be at least 1' })
  max_runtime_seconds?: number;

  /** Given back with the run; the runner makes nothing of it. */
  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: true,
    description: 'Given back with the run.',
  })
  @IsOptional()
  @Rule(
    `must be an object of at most ${MAX_METADATA_BYTES} bytes as JSON, nested at most ${MAX_METADATA_DEPTH} deep`,
    isSmallObject,
  )
  metadata?: Record<string, unknown>;
}

function isSmallObject(value: unknown): boolean {
  if (!isJsonObject(value)) return false;
  return (
    depthOf(value, MAX_METADATA_DEPTH + 1) <= MAX_METADATA_DEPTH &&
    Buffer.byteLength(JSON.stringify(value)) <= MAX_METADATA_BYTES
  );
}

/** How deep a value is nested, as far as `most` levels. */
function depthOf(value: unknown, most: number): number {
  if (typeof value !== 'object' || value === null || most === 0) return 0;
  let deepest = 0;
  for (const member of Object.values(value)) {
    deepest = Math.max(deepest, depthOf(member, most - 1));
  }
  return 1 + deepest;
}
