/** With what the command line ends. */
export const EXIT = {
  /** The agent has done its work. */
  ok: 0,
  /** The agent failed, or the run did. */
  failed: 1,
  /** The command was not understood. */
  usage: 2,
  /** The server has refused the request. */
  refused: 3,
  /** No server answers, or no longer. */
  unreachable: 4,
  /** The time of the run was up. */
  timeout: 124,
  /** The run was cancelled. */
  cancelled: 130,
  /** Ended by SIGTERM, or by SIGHUP. */
  terminated: 143,
  /** Nobody reads any more what is written. */
  pipe: 141,
} as const;

/** For the help of the commands that follow a run. */
export const EXIT_HELP = `
Exit code: 0 the agent has succeeded, 1 it failed or the run did, 2 wrong usage, 3 the server refused,
4 no server answers, 124 the time was up, 130 cancelled or left, 141 the output was closed, 143 ended by a
signal.`;
