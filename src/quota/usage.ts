/** How much the sessions take that were looked at, and those of each owner together. */
export class Usage {
  private readonly sessions = new Map<string, { bytes: number; owner: string | null }>();
  private readonly owners = new Map<string, number>();

  /** Notes what a session takes, and whose it is. */
  set(sessionId: string, bytes: number, owner: string | null): void {
    this.delete(sessionId);
    this.sessions.set(sessionId, { bytes, owner });
    if (owner !== null) this.owners.set(owner, this.ofOwner(owner) + bytes);
  }

  /** Forgets a session. */
  delete(sessionId: string): void {
    const known = this.sessions.get(sessionId);
    if (known === undefined) return;
    this.sessions.delete(sessionId);
    if (known.owner === null) return;
    const left = this.ofOwner(known.owner) - known.bytes;
    if (left > 0) this.owners.set(known.owner, left);
    else this.owners.delete(known.owner);
  }

  /** Bytes of a session; null if they are not known. */
  ofSession(sessionId: string): number | null {
    return this.sessions.get(sessionId)?.bytes ?? null;
  }

  /** Bytes of all sessions of an owner, as far as they are known. */
  ofOwner(owner: string): number {
    return this.owners.get(owner) ?? 0;
  }
}
