import { Injectable } from '@nestjs/common';
import { Directory } from '../common/directory.js';
import { errnoOf, RunnerError } from '../common/errors.js';
import { UnsafePathError } from '../common/regular-file.js';
import { RunnerConfig } from '../config/runner-config.js';
import { sessionNotFound } from '../tenancy/session-access.js';
import { SESSION_ID } from '../workspace/session-id.js';
import { fileNotFound, notAFolder, readOnly } from './file-errors.js';
import { type LinksOfSession, OverlayLinks } from './overlay-links.js';
import type { SessionPath } from './session-path.js';

const REPO = 'repo';

/** A place in a session: what has a name in a folder that is open. */
export interface Place {
  folder: Directory;
  name: string;
}

/** A session that is open. */
export interface OpenSession {
  readonly id: string;
  /** The folder around `repo/`. */
  workspace: Directory;
  repo: Directory;
  links: () => Promise<LinksOfSession>;
}

/**
 * Leads to places in the `repo/` of a session, one component after the other from a descriptor. No link is
 * followed but the overlay's own, and those only to be read.
 */
@Injectable()
export class SessionFolders {
  constructor(
    private readonly config: RunnerConfig,
    private readonly overlays: OverlayLinks,
  ) {}

  /**
   * Does some work in a session.
   * @param same has to be the very session: under the id of one that was removed there may be somebody else's
   * @throws {RunnerError} `session_not_found`, `not_a_folder` where an agent has replaced its `repo/`
   */
  async within<T>(
    sessionId: string,
    work: (session: OpenSession) => Promise<T>,
    same?: OpenSession,
  ): Promise<T> {
    if (!SESSION_ID.test(sessionId)) throw sessionNotFound();
    const opened: Directory[] = [];
    const open = async (opening: Promise<Directory>, refusal = refuse) => {
      const folder = await opening.catch(refusal);
      opened.push(folder);
      return folder;
    };
    try {
      const root = await open(Directory.open(this.config.workspacesRoot));
      const workspace = await open(root.openSubAsIs(sessionId), refuseSession);
      if (same !== undefined && !(await isSame(workspace, same.workspace))) throw sessionNotFound();
      const repo = await open(workspace.openSubAsIs(REPO));
      let links: Promise<LinksOfSession> | undefined;
      return await work({
        id: sessionId,
        workspace,
        repo,
        links: () => (links ??= this.overlays.of(workspace)),
      });
    } finally {
      for (const folder of opened) await folder.close();
    }
  }

  /**
   * Does some work in a folder of a session, which may be a package's.
   * @throws {RunnerError} as `within`, `file_not_found`, `not_a_folder`
   */
  inFolder<T>(
    sessionId: string,
    path: SessionPath,
    work: (folder: Directory, session: OpenSession) => Promise<T>,
  ): Promise<T> {
    return this.within(sessionId, (session) =>
      usingFolder(session, path, (folder) => work(folder, session)),
    );
  }

  /**
   * Does some work at a place of a session, to read it; it may be a package's.
   * @param path not empty
   * @throws {RunnerError} as `inFolder`
   */
  atPlace<T>(sessionId: string, path: SessionPath, work: (place: Place) => Promise<T>): Promise<T> {
    return this.within(sessionId, (session) =>
      usingFolder(session, path.slice(0, -1), async (folder, isOwn) => {
        const name = path.at(-1)!;
        const target = isOwn ? await linkTarget(session, folder, path) : null;
        if (target === null) return work({ folder, name });
        try {
          // A whole package has no name in its folder; it is no file in any case.
          if (target.name === null) throw new UnsafePathError(name, 'a folder', 'a regular file');
          return await work({ folder: target.folder, name: target.name });
        } finally {
          await target.folder.close();
        }
      }),
    );
  }

  /**
   * Does some work at a place of a session, to change it: never through a link. What is at its id has to be
   * the session that was opened; its folders may be others than they were then.
   * @param isMaking folders on the way are made where there are none
   * @throws {RunnerError} as `inFolder`, `path_read_only` for what is a package's
   */
  atOwnPlace<T>(
    opened: OpenSession,
    path: SessionPath,
    isMaking: boolean,
    work: (place: Place) => Promise<T>,
  ): Promise<T> {
    const atPlace = async (session: OpenSession) => {
      let folder = session.repo;
      try {
        for (const [depth, name] of path.slice(0, -1).entries()) {
          await requireOwn(session, folder, path.slice(0, depth + 1));
          const opening = isMaking ? folder.ensureSub(name) : folder.openSub(name);
          const next = await opening.catch((error: unknown) => refuseIn(error, path, depth));
          if (folder !== session.repo) await folder.close();
          folder = next;
        }
        await requireOwn(session, folder, path);
        return await work({ folder, name: path.at(-1)! });
      } finally {
        if (folder !== session.repo) await folder.close();
      }
    };
    return this.within(opened.id, atPlace, opened);
  }
}

/** While both are open, the number of neither is given to another. */
async function isSame(a: Directory, b: Directory): Promise<boolean> {
  return (await a.identity()) === (await b.identity());
}

/** @param work told whether the folder is the session's own */
async function usingFolder<T>(
  session: OpenSession,
  path: SessionPath,
  work: (folder: Directory, isOwn: boolean) => Promise<T>,
): Promise<T> {
  let folder = session.repo;
  let isOwn = true;
  const follow = async (next: Directory) => {
    if (folder !== session.repo) await folder.close();
    folder = next;
  };
  try {
    for (const [depth, name] of path.entries()) {
      try {
        const target = isOwn ? await linkTarget(session, folder, path.slice(0, depth + 1)) : null;
        if (target === null) {
          await follow(await folder.openSubAsIs(name));
        } else {
          await follow(target.folder);
          isOwn = false;
          if (target.name !== null) await follow(await folder.openSubAsIs(target.name));
        }
      } catch (error) {
        refuseIn(error, path, depth);
      }
    }
    return await work(folder, isOwn);
  } finally {
    if (folder !== session.repo) await folder.close();
  }
}

/** Where the overlay's link at a place leads, if there is one; only two levels can have any. */
async function linkTarget({ links }: OpenSession, folder: Directory, path: SessionPath) {
  if (path.length > 2) return null;
  const text = await folder.readLink(path.at(-1)!);
  return text === null ? null : (await links()).open(path, text);
}

async function requireOwn({ links }: OpenSession, folder: Directory, path: SessionPath) {
  if (path.length > 2) return;
  const text = await folder.readLink(path.at(-1)!);
  if (text !== null && (await links()).isOurs(path, text)) throw readOnly(path);
}

/** What stands among the sessions and is no folder is none of them. */
function refuseSession(error: unknown): never {
  if (error instanceof UnsafePathError) throw sessionNotFound();
  refuse(error);
}

function refuse(error: unknown): never {
  if (errnoOf(error) === 'ENOENT') throw sessionNotFound();
  if (error instanceof UnsafePathError) {
    throw new RunnerError(
      'not_a_folder',
      `The folder of the session is ${error.found}; the next run says what to do.`,
      { cause: error },
    );
  }
  throw error;
}

function refuseIn(error: unknown, path: SessionPath, depth: number): never {
  const shown = path.slice(0, depth + 1).join('/');
  if (errnoOf(error) === 'ENOENT') throw fileNotFound(path);
  if (errnoOf(error) === 'EACCES') throw notAFolder(shown, 'closed to the runner');
  if (error instanceof UnsafePathError) throw notAFolder(shown, error.found);
  throw error;
}
