/** Thrown by a route that turns out to have nothing to send: answered by 204. */
export class NoContent extends Error {}
