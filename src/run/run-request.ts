import {
  IsOptional,
  IsString,
  Matches,
  MaxLength,
  MinLength,
  registerDecorator,
} from 'class-validator';
import { SESSION_ID } from '../workspace/session-id.js';

/** The most code points that a prompt may have (contract, section 1). */
export const MAX_PROMPT_CHARACTERS = 10_000;

function TextWithout(pattern: RegExp, message: string): PropertyDecorator {
  return (target, propertyName) => {
    registerDecorator({
      name: 'textWithout',
      target: target.constructor,
      propertyName: String(propertyName),
      options: { message },
      validator: {
        validate: (value: unknown) => typeof value !== 'string' || !pattern.test(value),
      },
    });
  };
}

/** Text that every program underneath can carry: no NUL, no half of a surrogate pair. */
function PlainText(): PropertyDecorator {
  return (target, property) => {
    IsString({ message: 'must be a string' })(target, property);

    TextWithout(/\0/, 'must not contain a NUL character')(target, property);
    TextWithout(/\p{Cs}/u, 'must not contain a lone surrogate')(target, property);
  };
}

/** The body of `POST /run`, with what is blank or null left out (contract, section 1). */
export class RunRequest {
  @PlainText()
  @MinLength(1, { message: 'must have at least 1 character' })
  user_prompt!: string;

  @IsOptional()
  @PlainText()
  @Matches(SESSION_ID, {
    message:
      'must be 1 to 128 characters of A-Z, a-z, 0-9, ".", "_" and "-", beginning with a letter or digit',
  })
  session_id?: string;

  @IsOptional()
  @PlainText()
  @MaxLength(256, { message: 'must have at most 256 characters' })
  @TextWithout(/\p{Cc}/u, 'must not contain control characters')
  user_id?: string;

  @IsOptional()
  @PlainText()
  package_id?: string;

  @IsOptional()
  @IsString({ message: 'must be a string' })
  sandbox?: string;

  @IsOptional()
  @IsString({ message: 'must be a string' })
  provider?: string;
}
