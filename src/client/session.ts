import { textOf } from './body-text.js';
import type { CommitBody, DifferenceBody, FileEntry, SessionBody } from './wire-resources.js';
import { itemsOf } from './pages.js';
import { type Body, pathOf, type Transport } from './transport.js';

interface Signal {
  signal?: AbortSignal;
}

/** A file on its way. Its body has to be read, or cancelled. */
export interface Download {
  body: ReadableStream<Uint8Array>;
  /** Bytes that come; null where the server does not say. */
  size: number | null;
  /** Of the file as it was then. */
  etag: string | null;
}

/** One session: its files, its history, and itself. */
export class SessionClient {
  constructor(
    private readonly transport: Transport,
    readonly id: string,
  ) {}

  /** @throws {RunnerProblem} `session_not_found` */
  get({ signal }: Signal = {}): Promise<SessionBody> {
    return this.transport.json('GET', this.path(), { signal });
  }

  /** Removes the session with all of its files. @throws {RunnerProblem} `session_busy` */
  async delete({ signal }: Signal = {}): Promise<void> {
    await this.done(await this.transport.send('DELETE', this.path(), { signal }));
  }

  /**
   * The entries of a folder, in order of their names, as many as are taken.
   * @param folder from the session's folder on; empty for that itself
   */
  list(
    folder = '',
    { pageSize, signal }: Signal & { pageSize?: number } = {},
  ): AsyncGenerator<FileEntry, void, undefined> {
    const query = { path: folder || undefined, limit: pageSize };
    const path = this.path('/files');
    return itemsOf(this.transport, { path, member: 'entries', query, signal });
  }

  /**
   * Begins to download a file.
   * @param range bytes, from the first to the last of them; to the end without `last`
   * @throws {RunnerProblem} `file_not_found`, `not_a_file`
   */
  async download(
    path: string,
    { range, signal }: Signal & { range?: { first: number; last?: number } } = {},
  ): Promise<Download> {
    const response = await this.transport.send('GET', this.file(path), {
      headers: range === undefined ? {} : { range: `bytes=${range.first}-${range.last ?? ''}` },
      signal,
    });
    return this.downloadOf(response);
  }

  /**
   * Puts a file in its place; the folders on the way are made.
   * @param onlyNew refuses where something stands there
   * @param ifMatch the `etag` that the file must still have
   * @throws {RunnerProblem} `precondition_failed`, and others
   */
  async upload(
    path: string,
    body: Body,
    { onlyNew, ifMatch, signal }: Signal & { onlyNew?: boolean; ifMatch?: string } = {},
  ): Promise<{ isNew: boolean; etag: string | null }> {
    const response = await this.transport.send('PUT', this.file(path), {
      body,
      headers: {
        'content-type': 'application/octet-stream',
        ...(onlyNew === true ? { 'if-none-match': '*' } : {}),
        ...(ifMatch === undefined ? {} : { 'if-match': ifMatch }),
      },
      signal,
    });
    await this.done(response);
    return { isNew: response.status === 201, etag: response.headers.get('etag') };
  }

  /** Removes a file, a link, or an empty folder. @throws {RunnerProblem} `file_not_found` */
  async remove(
    path: string,
    { ifMatch, signal }: Signal & { ifMatch?: string } = {},
  ): Promise<void> {
    const response = await this.transport.send('DELETE', this.file(path), {
      headers: ifMatch === undefined ? {} : { 'if-match': ifMatch },
      signal,
    });
    await this.done(response);
  }

  /** Begins to download all files, as a tar.gz. @param git with the session's own git directory */
  async archive({ git, signal }: Signal & { git?: boolean } = {}): Promise<Download> {
    const query = { include: git === true ? 'git' : undefined };
    const outgoing = { query, signal, mayTakeLong: true };
    return this.downloadOf(await this.transport.send('GET', this.path('/archive'), outgoing));
  }

  /** What runs have left, as commits of the server's own, newest first, as many as are taken. */
  log({ pageSize, signal }: Signal & { pageSize?: number } = {}): AsyncGenerator<
    CommitBody,
    void,
    undefined
  > {
    const query = { limit: pageSize };
    const path = this.path('/git/log');
    return itemsOf(this.transport, { path, member: 'commits', query, signal });
  }

  /** @param commit what it has changed; without one, what has changed since the last */
  diff({ commit, signal }: Signal & { commit?: string } = {}): Promise<DifferenceBody> {
    const outgoing = { query: { commit }, signal, mayTakeLong: true };
    return this.transport.json('GET', this.path('/git/diff'), outgoing);
  }

  private path(rest = ''): string {
    return pathOf('sessions', this.id) + rest;
  }

  private file(path: string): string {
    return this.path(`/files${pathOf(...path.split('/'))}`);
  }

  /** @throws {RunnerProtocolError} if it is none: something else may answer with a page of its own */
  private downloadOf(response: Response): Download {
    const { headers, body } = response;
    if (headers.get('content-disposition')?.startsWith('attachment') !== true) {
      void body?.cancel();
      throw this.transport.noRunner();
    }
    const length = headers.get('content-length');
    return {
      body: body ?? new ReadableStream({ start: (it) => it.close() }),
      size: length === null ? null : Number(length),
      etag: headers.get('etag'),
    };
  }

  /**
   * An answer without a body is still to be taken, or its connection stays in use; where it is cancelled
   * instead, a browser shows a request that has failed.
   */
  private async done(response: Response): Promise<void> {
    await textOf(response, { maxBytes: 0, silenceMs: 1000 }).catch(() => undefined);
  }
}
