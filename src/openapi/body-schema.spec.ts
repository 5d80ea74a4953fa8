import 'reflect-metadata';
import {
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsOptional,
  IsString,
  Matches,
  Max,
  MaxLength,
  Min,
  MinLength,
  registerDecorator,
  ValidateIf,
} from 'class-validator';
import { bodySchema } from './body-schema.js';

function OwnRule(message: string): PropertyDecorator {
  return (target, propertyName) =>
    registerDecorator({
      name: message,
      target: target.constructor,
      propertyName: String(propertyName),
      options: { message },
      validator: { validate: () => true },
    });
}

class Named {
  @IsString()
  @MinLength(1)
  @MaxLength(5)
  @Matches(/^[a-z]+$/)
  name!: string;
}

class Body extends Named {
  @IsOptional()
  @IsInt({ message: 'must be whole' })
  @Min(1)
  @Max(9)
  count?: number;

  @IsOptional()
  @IsIn(['a', 'b'])
  word?: string;

  @IsBoolean()
  flag!: boolean;

  @IsOptional()
  @IsArray()
  @IsString({ each: true })
  @MaxLength(3, { each: true })
  list?: string[];

  @ValidateIf((_, value) => value !== null)
  @IsString()
  given!: string | null;

  @OwnRule('must be something else')
  own!: unknown;
}

describe('the schema of a body', () => {
  const schema = bodySchema(Body, {
    type: 'object',
    properties: {
      name: { type: 'string', description: 'Its name.' },
      list: { type: 'array', items: { type: 'string' } },
      given: { type: ['string', 'null'] },
      extra: { type: 'string' },
    },
    required: ['name', 'list'],
  });

  it('has the rules that the body is held to, those of its base class too', () => {
    expect(schema.properties).toEqual({
      name: {
        type: 'string',
        minLength: 1,
        maxLength: 5,
        pattern: '^[a-z]+$',
        description: 'Its name.',
      },
      count: { type: ['integer', 'null'], minimum: 1, maximum: 9 },
      word: { type: ['string', 'null'], enum: ['a', 'b', null] },
      flag: { type: 'boolean' },
      list: { type: ['array', 'null'], items: { type: 'string', maxLength: 3 } },
      given: { type: ['string', 'null'] },
      own: { description: 'It must be something else.' },
      extra: { type: 'string' },
    });
  });

  it('wants what may not be left out, and takes what it does not know', () => {
    expect([...(schema.required ?? [])].sort()).toEqual(['flag', 'given', 'name', 'own']);
    expect(schema.additionalProperties).toBe(true);
    const strict = bodySchema(Body, { type: 'object', additionalProperties: false });
    expect(strict.additionalProperties).toBe(false);
  });
});
