import { renameSync } from 'node:fs';
import { basename, join } from 'node:path';
import { Inject, Injectable } from '@nestjs/common';
import { errnoOf, toRunnerError } from '../../common/errors.js';
import { fairTurn } from '../../common/fair-turn.js';
import { LOGGER, type Logger } from '../../common/logger.js';
import { openOwnFolder } from '../../common/open-folder.js';
import { removeTree } from '../../common/remove-tree.js';
import { RunnerConfig } from '../../config/runner-config.js';
import type { RunFolder } from '../run-folder.js';
import type { AgentHome } from './agent-home.js';
import type { Endowment } from './endowment.js';
import { FreshHome } from './fresh-home.js';
import { OpenHome, removeEmpty } from './open-home.js';
import { takeBack, type Taking } from './renewed-login.js';
import { isTalkIn } from './talk-search.js';

const HOMES = 'homes';
/** What a file system says where a folder is to go and something stands. */
const IS_TAKEN = new Set(['ENOTEMPTY', 'EEXIST', 'ENOTDIR', 'EISDIR']);
/** Nobody who does not mean to is quicker so often. */
const MAX_ATTEMPTS = 50;

export interface HomeRequest {
  sessionId: string;
  /** The session's `repo/`. */
  repoPath: string;
  /** Where the home is built, and the one before is put away. */
  folder: RunFolder;
  /** What the CLI keeps in a home; for one that keeps nothing, undefined. */
  home: AgentHome | undefined;
  endowment: Endowment;
  /** Settings in the place of the administrator's. */
  settings: Readonly<Record<string, string>>;
}

/**
 * Gives agents their homes. A session has one of its own, made anew for each run: with the
 * administrator's settings, a link to the administrator's login, and the talks of the runs before. Nothing
 * else is kept, since a CLI starts and obeys much of what stands in its home.
 */
@Injectable()
export class HomesService {
  constructor(
    private readonly config: RunnerConfig,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /**
   * Prepares the home of a session for its next run.
   * @param all what every CLI keeps: talks with another one are kept too
   * @returns the variables that lead the agent to it
   * @throws {RunnerError} `spawn_failed`, `disk_full`, `too_many_files`
   */
  async prepare(
    request: HomeRequest,
    all: readonly AgentHome[],
  ): Promise<Readonly<Record<string, string>>> {
    const { home, endowment, sessionId } = request;
    if (this.config.agents.home === 'shared') return endowment.base?.variables ?? {};
    try {
      // What the last run could not give back, since the server died under it.
      const isLocked = home !== undefined && (await this.keepLogin(home, sessionId)) === 'locked';
      await fairTurn();
      await this.replace(request, this.build(request, isLocked), all);
    } catch (error) {
      throw toRunnerError(
        error,
        'spawn_failed',
        "The agent's home could not be prepared; the log of the runner has the cause.",
      );
    }
    const place = this.pathOf(sessionId);
    const folders = Object.entries(home?.variables ?? {});
    return {
      HOME: place,
      ...Object.fromEntries(folders.map(([name, folder]) => [name, join(place, folder)])),
    };
  }

  /** Whether the home of a session's agents still has a certain talk, which the CLI can go on with. */
  async hasTalk(agentHome: AgentHome, sessionId: string, id: string): Promise<boolean> {
    const { talks, talkFile } = agentHome;
    if (talkFile === undefined || !talkFile.id.test(id)) return false;
    if (this.config.agents.home === 'shared') {
      const administrators = await agentHome.find();
      const places = administrators === null ? [] : talks.map((it) => administrators.at(it));
      return isTalkIn(places, id, talkFile);
    }
    const home = OpenHome.open(this.pathOf(sessionId));
    if (home === null) return false;
    try {
      const places = talks.flatMap((it) => home.at(it) ?? []);
      return await isTalkIn(places, id, talkFile);
    } finally {
      home.close();
    }
  }

  /** The folder that a session's agents have as their home; null where that is the administrator's. */
  folderOf(sessionId: string): string | null {
    return this.config.agents.home === 'shared' ? null : this.pathOf(sessionId);
  }

  /**
   * Where a CLI has renewed its login in a session's home, gives it back to the administrator's, so that
   * it serves all. A login that is refused stays where it is, until the session's next run.
   * @returns what became of it; null where it was not renewed
   */
  async keepLogin(home: AgentHome, sessionId: string): Promise<Taking['outcome'] | null> {
    if (this.config.agents.home === 'shared') return null;
    const place = OpenHome.open(this.pathOf(sessionId));
    if (place === null) return null;
    try {
      // As a rule it still is the link.
      if (place.stats(home.credential)?.isFile() !== true) return null;
      const base = await home.findOrMake();
      if (base === null) return null;
      const renewed = place.at(home.credential)!;
      const taking = await takeBack(renewed, base.at(home.credential), home.account ?? []);
      const facts = { session: sessionId, file: basename(home.credential), ...taking };
      if ('refusal' in taking) this.logger.warn(facts, 'a renewed login was not taken over');
      else this.logger.info(facts, 'a login was renewed');
      return taking.outcome;
    } finally {
      place.close();
    }
  }

  /** Removes the home of a session that is no more. */
  async remove(sessionId: string): Promise<void> {
    await removeTree(this.config.runtimeRoot, join(HOMES, sessionId));
  }

  /** @param keepsLogin its login has been renewed, and could not be given back yet */
  private build(
    { home, endowment, settings, repoPath, folder }: HomeRequest,
    keepsLogin: boolean,
  ): FreshHome {
    const fresh = new FreshHome(folder.home);
    if (home === undefined) return fresh;
    for (const place of Object.values(home.variables)) fresh.make(place);
    const files = new Map([
      ...endowment.settings,
      ...Object.entries(settings),
      ...Object.entries(home.indexes?.(repoPath) ?? {}),
    ]);
    for (const [path, text] of files) fresh.write(path, text);
    if (keepsLogin) fresh.keepFile(home.credential);
    else if (endowment.login !== null) fresh.link(home.credential, endowment.login);
    return fresh;
  }

  /** Puts a home in the place of the one before, whose talks it takes over. */
  private async replace(
    { sessionId, folder }: HomeRequest,
    fresh: FreshHome,
    all: readonly AgentHome[],
  ): Promise<void> {
    const path = this.pathOf(sessionId);
    const away = folder.homeBefore;
    const before = OpenHome.open(path);
    try {
      if (before !== null) fresh.takeFrom(before, all);
      await this.exchange(path, away, fresh);
      // Mostly nothing else is in it, and then it needs no program that removes it.
      before?.takeApart(fresh.files);
      if (before !== null) removeEmpty(away);
    } catch (error) {
      // The talks must not go with the folder of this run.
      if (before !== null) await this.restore(before, fresh, away, path);
      throw error;
    } finally {
      before?.close();
    }
  }

  /**
   * Puts a home into its place, and what stands there away. A process that is left of an earlier run may put
   * something there in between.
   */
  private async exchange(path: string, away: string, fresh: FreshHome): Promise<void> {
    await this.putAway(path, away);
    for (let attempt = 1; ; attempt += 1) {
      try {
        fresh.place(path);
        return;
      } catch (error) {
        if (!IS_TAKEN.has(errnoOf(error) ?? '') || attempt === MAX_ATTEMPTS) throw error;
        await this.putAway(path, `${away}-${attempt}`);
      }
    }
  }

  /** Puts back the home that was there, and its talks into it, whatever stands there by now. */
  private async restore(before: OpenHome, fresh: FreshHome, away: string, path: string) {
    try {
      fresh.giveBack(before);
      await this.putAway(path, `${away}-restored`);
      renameSync(away, path);
    } catch {
      // It had not been put away yet, or cannot be put back: the error that led here is the one to tell.
    }
  }

  /** Moves whatever stands in the place of a home into the run's folder, with which it is removed. */
  private async putAway(path: string, away: string): Promise<void> {
    try {
      renameSync(path, away);
    } catch (error) {
      const code = errnoOf(error);
      if (code === 'ENOENT') return;
      if (code !== 'EACCES') throw error;
      // Its owner may not write it any more.
      const folder = await openOwnFolder(path, path);
      await folder.close();
      renameSync(path, away);
    }
  }

  private pathOf(sessionId: string): string {
    return join(this.config.runtimeRoot, HOMES, sessionId);
  }
}
