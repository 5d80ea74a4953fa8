import type { FieldError } from './errors.js';
import { invalidRequest } from './invalid-request.js';

/**
 * Reads the parameters of a query. One that is absent or empty is null. What is wrong with them is noted,
 * and told for all of them at once by `check`.
 */
export class QueryReader {
  private readonly errors: FieldError[] = [];

  constructor(private readonly values: Readonly<Record<string, unknown>>) {}

  text(field: string): string | null {
    const value = Object.hasOwn(this.values, field) ? this.values[field] : undefined;
    if (value === undefined || value === '') return null;
    return typeof value === 'string' ? value : this.refuse(field, 'must be given once');
  }

  /** A whole number from 1 on. */
  number(field: string, most: number): number | null {
    const text = this.text(field);
    if (text === null) return null;
    const number = /^\d{1,9}$/.test(text) ? Number(text) : 0;
    if (number >= 1 && number <= most) return number;
    return this.refuse(field, `must be a whole number from 1 to ${most}`);
  }

  word<T extends string>(field: string, words: readonly T[]): T | null {
    const text = this.text(field);
    if (text === null) return null;
    const word = words.find((it) => it === text);
    return word ?? this.refuse(field, `must be one of: ${words.join(', ')}`);
  }

  /** @throws {RunnerError} `invalid_request` with every parameter that was asked for and is wrong */
  check(): void {
    if (this.errors.length > 0) throw invalidRequest(this.errors);
  }

  private refuse(field: string, message: string): null {
    this.errors.push({ field, message });
    return null;
  }
}
