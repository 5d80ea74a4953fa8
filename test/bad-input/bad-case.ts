/** A request that is wrong in one way, and what the server has to answer. */
export interface BadCase {
  /** What is wrong. */
  readonly name: string;
  readonly method?: string;
  /** Byte for byte as it goes into the request line. */
  readonly path?: string;
  /** Each one a line of its own, so that a name may come twice. */
  readonly headers?: readonly (readonly [name: string, value: string | Buffer])[];
  readonly body?: string | Buffer;
  /** By which token it is sent where the server has tokens; null for none. Without it, one that may do all. */
  readonly as?: string | null;
  /** The whole request, where it is not even HTTP; then nothing else of the case counts but the answer. */
  readonly raw?: string | Buffer;
  readonly status: number;
  /** The `code` of the answer; null where Node's HTTP parser answers by itself, or where nothing is wrong. */
  readonly code: string | null;
  /** The fields that an `invalid_request` names. */
  readonly fields?: readonly string[];
}

/** A case about the body of a POST that starts a run: JSON of an object, or the bytes as they are. */
export function ofBody(
  name: string,
  body: object | string | Buffer,
  expected: Pick<BadCase, 'status' | 'code' | 'fields'>,
  more: Partial<BadCase> = {},
): BadCase {
  const bytes = typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
  return {
    method: 'POST',
    path: '/runs',
    headers: [['Content-Type', 'application/json']],
    ...more,
    name,
    body: bytes,
    ...expected,
  };
}

/** What is refused because of a field of its body or query. */
export function invalid(...fields: string[]) {
  return { status: 422, code: 'invalid_request', fields } as const;
}

/** Every case of a list for every one of another. */
export function crossed<A, B>(
  all: readonly A[],
  others: readonly B[],
  make: (one: A, other: B) => BadCase,
): BadCase[] {
  return all.flatMap((one) => others.map((other) => make(one, other)));
}

/** A text for the name of a case: not at length. */
export function short(text: string): string {
  return text.length > 40 ? `${text.slice(0, 40)}… (${text.length})` : text;
}
