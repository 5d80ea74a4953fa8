import { IsIn, IsString, registerDecorator } from 'class-validator';

/** A rule of our own for one field of a request, with its words. */
export function Rule(message: string, holds: (value: unknown) => boolean): PropertyDecorator {
  return (target, propertyName) => {
    registerDecorator({
      name: message,
      target: target.constructor,
      propertyName: String(propertyName),
      options: { message },
      validator: { validate: holds },
    });
  };
}

export function TextWithout(pattern: RegExp, message: string): PropertyDecorator {
  return Rule(message, (value) => typeof value !== 'string' || !pattern.test(value));
}

/** Text that every program underneath can carry: no NUL, no half of a surrogate pair. */
export function PlainText(): PropertyDecorator {
  return (target, property) => {
    IsString({ message: 'must be a string' })(target, property);
    TextWithout(/\0/, 'must not contain a NUL character')(target, property);
    TextWithout(/\p{Cs}/u, 'must not contain a lone surrogate')(target, property);
  };
}

/** A list of such texts, each of at most so many characters. */
export function PlainTexts(most: number, longest: number): PropertyDecorator {
  const isPlain = (it: unknown) =>
    typeof it === 'string' && it.length <= longest && !/\0|\p{Cs}/u.test(it);
  return Rule(
    `must be a list of at most ${most} strings, each of at most ${longest} characters, without NUL and lone surrogates`,
    (value) => Array.isArray(value) && value.length <= most && value.every(isPlain),
  );
}

export function OneOf(values: readonly string[]): PropertyDecorator {
  return IsIn(values, { message: `must be one of: ${values.join(', ')}` });
}
