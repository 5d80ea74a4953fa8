/** In which session something is to be done, and for whom. */
export interface SessionOrder {
  sessionId: string;
  /** To whom sessions belong that the caller makes (`ActingCaller.ownerKey`); null for nobody certain. */
  owner: string | null;
}
