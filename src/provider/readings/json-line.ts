import { isJsonObject } from '../../common/json.js';
import type { Activity, UsageActivity } from '../activity.js';
import type { LineReading } from '../agent-reading.js';

/** A JSON object of which nothing is known yet. */
export type Members = Readonly<Record<string, unknown>>;

/** The object that a line is. @throws if it is none */
export function objectIn(line: string): Members {
  const value: unknown = JSON.parse(line);
  if (!isJsonObject(value)) throw new Error('The line is no JSON object.');
  return value;
}

/** A member that is to be an object; empty where it is none. */
export function objectAt(from: Members, name: string): Members {
  const value = from[name];
  return isJsonObject(value) ? value : {};
}

/** The objects in a member that is to be a list. */
export function objectsAt(from: Members, name: string): Members[] {
  const value = from[name];
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}

/** A member that is to be text; empty where it is none. */
export function textAt(from: Members, name: string): string {
  const value = from[name];
  return typeof value === 'string' ? value : '';
}

/** No run comes near it, and sums of it stay exact. */
const MAX_COUNT = 1e12;

/** A member that is to be a count; 0 where it is none. */
export function countAt(from: Members, name: string): number {
  const value = from[name];
  return typeof value === 'number' && value > 0 ? Math.min(Math.trunc(value), MAX_COUNT) : 0;
}

/** What a line shows that says nothing of the result. */
export function shows(...activities: Activity[]): LineReading {
  return { activities };
}

/** The cost of a `usage`, from a member that is to be in US dollars; null where it is none. */
export function costIn(dollars: unknown): UsageActivity['cost'] {
  if (typeof dollars !== 'number' || !(dollars >= 0 && dollars <= MAX_COUNT)) return null;
  return { amount: dollars, currency: 'USD' };
}
