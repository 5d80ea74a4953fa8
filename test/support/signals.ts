/** A signal that calls `look` wherever work looks whether it has to stop; what that throws ends it. */
export function signalThat(look: () => void): AbortSignal {
  return Object.assign(new AbortController().signal, { throwIfAborted: look });
}
