import { readdir, readFile as readFileAsync } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf } from '../common/errors.js';
import { isJsonObject } from '../common/json.js';
import { isTemporary, removeFile, replaceFileAndFolder } from '../common/small-files.js';

/** What is to be delivered. */
export interface Message {
  /** The same in every try. */
  readonly id: string;
  /** ISO-8601 in UTC. */
  readonly createdAt: string;
  /** The body, byte for byte. */
  readonly body: string;
}

const NAME = /^[A-Za-z0-9_-]{1,100}$/;
const SUFFIX = '.json';

/** Messages that have not been taken yet, a file for each; they outlive the server. */
export class Outbox {
  constructor(private readonly folder: string) {}

  /** Stores a message; one that has its id is replaced. */
  put(message: Message): void {
    replaceFileAndFolder(this.pathOf(message.id), JSON.stringify({ version: 1, ...message }));
  }

  /**
   * The message with an id; null if there is none.
   * @throws {SyntaxError} if a power cut has torn it
   */
  async get(id: string): Promise<Message | null> {
    let text: string;
    try {
      text = await readFileAsync(this.pathOf(id), 'utf8');
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return null;
      throw error;
    }
    const value: unknown = JSON.parse(text);
    const isWhole =
      isJsonObject(value) &&
      [value.id, value.createdAt, value.body].every((it) => typeof it === 'string');
    if (!isWhole) throw new SyntaxError('it is no message of this version');
    return value as unknown as Message;
  }

  remove(id: string): void {
    removeFile(this.pathOf(id));
  }

  /** The ids of all messages, the oldest first where ids sort by time. */
  async ids(): Promise<string[]> {
    const names = await readdir(this.folder).catch((error: unknown) => {
      if (errnoOf(error) === 'ENOENT') return [];
      throw error;
    });
    // What a crash has left of one that was to be written.
    for (const name of names.filter(isTemporary)) removeFile(join(this.folder, name));
    return names
      .filter((name) => name.endsWith(SUFFIX))
      .map((name) => name.slice(0, -SUFFIX.length))
      .filter((id) => NAME.test(id))
      .sort();
  }

  private pathOf(id: string): string {
    if (!NAME.test(id)) throw new Error(`not the id of a message: ${JSON.stringify(id)}`);
    return join(this.folder, id + SUFFIX);
  }
}
