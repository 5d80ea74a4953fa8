/**
 * Waits for pieces of work that go on at the same time, for all of them also where one fails: nothing is
 * under way any more when what they use is closed.
 * @throws the error of the first of them, in their order, that has failed
 */
export async function together<T extends readonly unknown[]>(
  ...work: { readonly [K in keyof T]: Promise<T[K]> }
): Promise<T> {
  const results = await Promise.allSettled(work);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
  return results.map((result) => (result as PromiseFulfilledResult<unknown>).value) as unknown as T;
}
