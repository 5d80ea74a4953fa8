import { shortened } from '../../common/cut-text.js';

/** What a commit says of the run that it is of. */
export interface RunNote {
  runId: string;
  userId: string | null;
  prompt: string;
}

/** A commit that the server has made of a run. */
export interface Commit {
  commit: string;
  parent: string | null;
  /** UTC. */
  committed_at: string;
  run_id: string | null;
  user_id: string | null;
  /** The first line of the prompt. */
  title: string;
}

const MAX_TITLE = 200;
const RUN = 'Run: ';
const USER = 'User: ';

/** What `git log` is to write of each commit, with a NUL behind it. */
export const FORMAT = '%H%n%P%n%ct%n%B';

/** The message of the commit of a run. */
export function messageOf({ runId, userId, prompt }: RunNote): string {
  const visible = (text: string) => text.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ').trim();
  const line = prompt.split(/[\r\n]/).find((it) => visible(it) !== '') ?? '';
  const title = shortened(visible(line), MAX_TITLE) || '(no title)';
  const user = userId === null ? '' : `${USER}${visible(userId)}\n`;
  return `${title}\n\n${RUN}${runId}\n${user}`;
}

/** The commits that `git log` has written. */
export function commitsIn(output: Buffer): Commit[] {
  const texts = output.toString('utf8').split('\0');
  return texts.filter((text) => text.trim() !== '').map(commitIn);
}

function commitIn(text: string): Commit {
  const [commit = '', parents = '', seconds = '', title = '', ...rest] = text.split('\n');
  // The title has no line of these forms: it is one line alone.
  const valueOf = (name: string) =>
    rest.find((line) => line.startsWith(name))?.slice(name.length) ?? null;
  return {
    commit,
    parent: parents.split(' ')[0] || null,
    committed_at: new Date(Number(seconds) * 1000).toISOString(),
    run_id: valueOf(RUN),
    user_id: valueOf(USER),
    title,
  };
}
