/** Which part of a list is asked for. */
export interface ListPart {
  /** The most entries of it. */
  limit: number;
  /** Where it begins, as the part before has said; null for the beginning. */
  cursor: string | null;
}
