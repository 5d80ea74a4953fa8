/** The user and the group of an ordinary program. */
export const NOBODY = 65534;

/**
 * What makes a program that of an ordinary user: permissions and limits hold for it, which say nothing
 * to root. It may read what root may, since the project may stand where nobody else can read it.
 */
export const AS_NOBODY = [
  ...['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'],
  ...['--inh-caps=-all,+dac_read_search', '--ambient-caps=-all,+dac_read_search'],
];
