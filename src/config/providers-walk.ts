import { isJsonObject } from '../common/json.js';

/** Checks the members of a parsed JSON document one by one, and tells of each that breaks its rule. */
export class Walk {
  /** @param fault told the path of a member, and its rule as the end of a sentence */
  constructor(readonly fault: (path: string, rule: string) => void) {}

  /** An object that has no members but these; null if it is none. */
  object(value: unknown, path: string, members: readonly string[]): Record<string, unknown> | null {
    if (!isJsonObject(value)) {
      this.fault(path, 'must be an object');
      return null;
    }
    for (const name of Object.keys(value)) {
      if (members.includes(name)) continue;
      const place = path === '' ? name : `${path}.${name}`;
      this.fault(place, `is not known; there can be: ${members.join(', ')}`);
    }
    return value;
  }

  /** The members of an object that may have any. */
  entries(value: unknown, path: string, rule = 'must be an object'): [string, unknown][] {
    if (isJsonObject(value)) return Object.entries(value);
    this.fault(path, rule);
    return [];
  }

  /** The items of a list; null if it is none. */
  list(value: unknown, path: string): unknown[] | null {
    if (Array.isArray(value)) return value as unknown[];
    this.fault(path, 'must be a list');
    return null;
  }

  /** @param rule what is said of anything but a text of this form */
  text(value: unknown, path: string, form: RegExp, rule: string): string | null {
    if (typeof value === 'string' && form.test(value)) return value;
    this.fault(path, rule);
    return null;
  }

  optionalText(value: unknown, path: string, form: RegExp, rule: string): string | null {
    return value === undefined ? null : this.text(value, path, form, rule);
  }

  /** The texts of a list that may be absent. */
  texts(value: unknown, path: string, form: RegExp, rule: string): string[] {
    if (value === undefined) return [];
    const items = this.list(value, path) ?? [];
    return items.flatMap((item, at) => this.text(item, `${path}[${at}]`, form, rule) ?? []);
  }

  /** One of a few words; null if it is absent or none of them. */
  oneOf<T extends string>(value: unknown, path: string, words: readonly T[]): T | null {
    if (value === undefined) return null;
    const word = words.find((it) => it === value);
    if (word === undefined) this.fault(path, `must be one of: ${words.join(', ')}`);
    return word ?? null;
  }

  boolean(value: unknown, path: string): boolean | null {
    if (value === undefined) return null;
    if (typeof value === 'boolean') return value;
    this.fault(path, 'must be true or false');
    return null;
  }
}
