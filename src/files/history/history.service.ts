import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import { settledWithin, untilAborted } from '../../common/abort.js';
import { Directory } from '../../common/directory.js';
import { RunnerError } from '../../common/errors.js';
import { KeyedLimiter } from '../../common/keyed-limiter.js';
import { LOGGER, type Logger } from '../../common/logger.js';
import { Places } from '../../common/places.js';
import { RunnerConfig } from '../../config/runner-config.js';
import type { ListPart } from '../list-part.js';
import type { SessionOrder } from '../session-order.js';
import { type OpenSession, SessionFolders } from '../session-folders.js';
import { type Commit, commitsIn, FORMAT, messageOf, type RunNote } from './commit.js';
import { GitFolders } from './git-folders.js';
import { gitFailed, GitProgram, type GitQueue } from './git-program.js';
import { commitOf } from './tree-import.js';

const MAIN = 'refs/heads/main';
const PRESENT = 'refs/heads/present';
const BEGINNING = 'refs/heads/beginning';
const COMMIT_ID = /^[0-9a-f]{40}$/;
/** How long the end of the server waits for commits. */
const LAST_COMMITS_SECONDS = 10;
/** Packs after which they are put together: each commit brings one. */
const MAX_PACKS = 30;
/** Differences at a time: each may read a whole session. */
const DIFFERENCES = { all: 4, owner: 2, each: 1 };
/** Seconds that one may take in all. */
const DIFFERENCE_SECONDS = 30;

/** How something differs from what was before it. */
export interface Difference {
  /** The commit before; null where that is the template, or nothing. */
  from: string | null;
  /** The commit; null for what is there now. */
  to: string | null;
  /** In git's form. */
  diff: string;
  /** There was more of it. */
  truncated: boolean;
}

/** Keeps what runs have left of their sessions as commits, in git directories of the server's own. */
@Injectable()
export class History implements OnModuleDestroy {
  /** One at a time for each session. */
  private readonly turns = new KeyedLimiter();
  private readonly differences = new Places(DIFFERENCES);
  private readonly underWay = new Map<string, { settled: Promise<void>; stop: () => void }>();

  constructor(
    private readonly config: RunnerConfig,
    private readonly folders: SessionFolders,
    private readonly gitFolders: GitFolders,
    private readonly git: GitProgram,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /**
   * Keeps a session as it is now, as the commit of a run. Never rejects: a commit is no part of a run.
   * @param done called when the session is not read any more, be there a commit or not; must not reject
   */
  async commit(sessionId: string, note: RunNote, done: () => Promise<void>): Promise<void> {
    const stopping = new AbortController();
    const { signal } = stopping;
    // Whoever gives it up waits neither for its turn nor for its git.
    const settled = untilAborted(this.commitNow(sessionId, note, signal), signal)
      .catch(() => undefined)
      .then(done);
    const commit = { settled, stop: () => stopping.abort() };
    this.underWay.set(sessionId, commit);
    await settled;
    if (this.underWay.get(sessionId) === commit) this.underWay.delete(sessionId);
  }

  /** Gives up the commit that is made of a session, which is to go. */
  async giveUp(sessionId: string): Promise<void> {
    const commit = this.underWay.get(sessionId);
    commit?.stop();
    await commit?.settled;
  }

  /** A server that ends lets them finish. */
  async onModuleDestroy(): Promise<void> {
    const all = [...this.underWay.values()].map(({ settled }) => settled);
    await settledWithin(LAST_COMMITS_SECONDS, Promise.all(all));
  }

  private async commitNow(sessionId: string, note: RunNote, signal: AbortSignal): Promise<void> {
    try {
      await this.turns.run(sessionId, () =>
        this.inSession(sessionId, async ({ repo }) => {
          signal.throwIfAborted();
          const folder = await this.gitFolders.ensure(sessionId);
          const parent = await this.lastOf('commit', folder, signal);
          const order = { ref: MAIN, parent, message: messageOf(note) };
          await this.import('commit', folder, repo, order, signal);
          await this.tidy(folder, signal);
        }),
      );
    } catch (err) {
      if (signal.aborted) {
        this.logger.info(
          { session: sessionId, run: note.runId },
          'the commit of a run was given up',
        );
        return;
      }
      // Of a session that has gone nobody misses it.
      if (err instanceof RunnerError && err.code === 'session_not_found') return;
      this.logger.warn({ err, session: sessionId, run: note.runId }, 'a run is no commit');
    }
  }

  /**
   * Does some work in a session, and then sees whether it is still the same one: its git directory is found
   * by its id, and so may be the one of a session that has been begun under that since.
   * @throws {RunnerError} as `SessionFolders.within`
   */
  private inSession<T>(sessionId: string, work: (session: OpenSession) => Promise<T>): Promise<T> {
    return this.folders.within(sessionId, async (session) => {
      try {
        return await work(session);
      } finally {
        await this.folders.within(sessionId, () => Promise.resolve(), session);
      }
    });
  }

  /**
   * The commits of a session, newest first.
   * @param part the cursor is the commit to begin with
   * @param signal aborts when nobody waits for them any more
   * @throws {RunnerError} `session_not_found`, `cursor_unknown`, `git_failed`
   * @throws the signal's reason
   */
  async log(
    sessionId: string,
    { limit, cursor }: ListPart,
    signal: AbortSignal,
  ): Promise<{ commits: Commit[]; next: string | null }> {
    return this.inSession(sessionId, async () => {
      const folder = await this.gitFolders.find(sessionId);
      const last = folder === null ? null : await this.lastOf('list', folder, signal);
      const isKnown = cursor === null || (await this.isKnown('list', folder, cursor, signal));
      if (!isKnown) throw cursorUnknown();
      if (folder === null || last === null) return { commits: [], next: null };
      const from = cursor ?? last;
      const args = ['log', '-z', `--format=${FORMAT}`, `--max-count=${limit + 1}`, from, '--'];
      const { output } = await this.git.run('list', folder, args, { signal });
      const commits = commitsIn(output);
      return { commits: commits.slice(0, limit), next: commits[limit]?.commit ?? null };
    });
  }

  /**
   * What a commit has changed; without one, how the session differs now from its last commit, and where it
   * has none, from the template that it began with.
   * @param left aborts when nobody waits for it any more
   * @throws {RunnerError} `session_not_found`, `commit_not_found`, `git_failed`, `too_many_requests`
   * @throws the signal's reason
   */
  async diff(
    { sessionId, owner }: SessionOrder,
    commit: string | null,
    left: AbortSignal,
  ): Promise<Difference> {
    const late = AbortSignal.timeout(DIFFERENCE_SECONDS * 1000);
    const signal = AbortSignal.any([left, late]);
    try {
      const finding = () => this.find(sessionId, commit, signal);
      return await this.differences.run({ key: sessionId, owner }, finding);
    } catch (error) {
      throw late.aborted ? gitFailed(error) : error;
    }
  }

  private async find(
    sessionId: string,
    commit: string | null,
    signal: AbortSignal,
  ): Promise<Difference> {
    return this.inSession(sessionId, async ({ repo }) => {
      const folder = await this.gitFolders.find(sessionId);
      if (commit === null) return this.diffNow(folder, repo, signal);
      if (folder === null || !(await this.isKnown('difference', folder, commit, signal))) {
        throw commitNotFound();
      }
      const args = ['rev-list', '--parents', '-n1', commit];
      const { output } = await this.git.run('difference', folder, args, { signal });
      const parent = output.toString().trim().split(' ')[1] ?? null;
      const between = parent === null ? ['--root', commit] : [parent, commit];
      return { from: parent, to: commit, ...(await this.compare(folder, between, signal)) };
    });
  }

  /** Removes the commits of a session that is no more. */
  async forget(sessionId: string): Promise<void> {
    await this.turns.run(sessionId, () => this.gitFolders.remove(sessionId));
  }

  private async diffNow(
    folder: string | null,
    repo: Directory,
    signal: AbortSignal,
  ): Promise<Difference> {
    const last = folder === null ? null : await this.lastOf('difference', folder, signal);
    return this.gitFolders.withTemporary(folder, async (temporary) => {
      const message = 'now';
      if (last === null) {
        const template = await Directory.open(this.config.templateRoot);
        try {
          const order = { ref: BEGINNING, parent: null, message };
          await this.import('difference', temporary, template, order, signal);
        } finally {
          await template.close();
        }
      }
      await this.import(
        'difference',
        temporary,
        repo,
        { ref: PRESENT, parent: last, message },
        signal,
      );
      const between = [last ?? BEGINNING, PRESENT];
      return { from: last, to: null, ...(await this.compare(temporary, between, signal)) };
    });
  }

  private async compare(
    folder: string,
    between: readonly string[],
    signal: AbortSignal,
  ): Promise<Pick<Difference, 'diff' | 'truncated'>> {
    const how = ['--no-ext-diff', '--no-textconv', '--no-color', '--ignore-submodules=all'];
    const args = ['diff-tree', '-p', '-r', '--no-commit-id', ...how, ...between, '--'];
    const { output, isTruncated } = await this.git.run('difference', folder, args, { signal });
    return { diff: output.toString('utf8'), truncated: isTruncated };
  }

  private async import(
    queue: GitQueue,
    folder: string,
    tree: Directory,
    order: Parameters<typeof commitOf>[1],
    signal?: AbortSignal,
  ): Promise<void> {
    const args = ['fast-import', '--quiet', '--done', '--date-format=raw', '--force'];
    await this.git.run(queue, folder, args, { input: commitOf(tree, order, signal), signal });
  }

  private async lastOf(
    queue: GitQueue,
    folder: string,
    signal?: AbortSignal,
  ): Promise<string | null> {
    const args = ['for-each-ref', '--format=%(objectname)', MAIN];
    const id = (await this.git.run(queue, folder, args, { signal })).output.toString().trim();
    return COMMIT_ID.test(id) ? id : null;
  }

  /** Whether a commit is one of a session's. */
  private async isKnown(
    queue: GitQueue,
    folder: string | null,
    commit: string,
    signal: AbortSignal,
  ): Promise<boolean> {
    if (folder === null || !COMMIT_ID.test(commit)) return false;
    // Fails for an object that is not there.
    const args = ['for-each-ref', '--format=x', '--contains', commit, MAIN];
    return this.git.run(queue, folder, args, { signal }).then(
      ({ output }) => output.length > 0,
      () => {
        signal.throwIfAborted();
        return false;
      },
    );
  }

  private async tidy(folder: string, signal: AbortSignal): Promise<void> {
    const { output } = await this.git.run('commit', folder, ['count-objects', '-v'], { signal });
    const packs = Number(/^packs: (\d+)$/m.exec(output.toString())?.[1] ?? 0);
    if (packs > MAX_PACKS) {
      await this.git.run('commit', folder, ['repack', '-a', '-d', '-q'], { signal });
    }
  }
}

function commitNotFound(): RunnerError {
  return new RunnerError(
    'commit_not_found',
    'The session has no such commit; its commits stand at /sessions/{id}/git/log.',
  );
}

function cursorUnknown(): RunnerError {
  return new RunnerError('cursor_unknown', 'The cursor is none of the commits of this session.');
}
