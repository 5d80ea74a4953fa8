/** Parts of properties that many classes have, for `@ApiProperty`. */

/** A moment, as the server writes it: ISO 8601 in UTC. */
export const TIME = { type: String, format: 'date-time' } as const;
/** How many there are. */
export const COUNT = { type: 'integer', minimum: 0 } as const;
/** Any value of JSON. */
export const ANYTHING = { anyOf: [{}] };
