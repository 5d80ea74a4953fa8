import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from './processes.js';
import { Runner, temporaryFolder } from './runner.js';
import { tarGz } from './tar.js';

/** A small package: a file at its top, one that can be executed, and one deep in it. */
export const SOLVER = tarGz(
  { name: './', type: '5' },
  { name: './solver.py', content: 'print(1)\n' },
  { name: './bin/run', content: '#!/bin/sh\n', mode: 0o4755 },
  { name: './docs/deep/a.md', content: 'text' },
);

export const until = (holds: () => boolean | Promise<boolean>) => eventually(holds, Boolean);

/** An answer with its JSON. */
export interface Answer {
  status: number;
  headers: Headers;
  body: Record<string, unknown>;
}

/** A server with tokens, and a client that may change its packages. */
export class PackageServer {
  private constructor(
    readonly runner: Runner,
    private readonly tokens: { admin: string; reader: string },
  ) {}

  static async start(
    env: Record<string, string> = {},
    home = temporaryFolder(),
    launcher: readonly string[] = [],
  ): Promise<PackageServer> {
    const tokens = { admin: newToken(), reader: newToken() };
    const file = join(home, 'tokens.json');
    const all = ['runs:read', 'runs:write', 'packages:write', 'ops:read'];
    const entries = [
      { name: 'admin', sha256: sha256(tokens.admin), scopes: all },
      { name: 'reader', sha256: sha256(tokens.reader), scopes: ['runs:read'] },
    ];
    writeFileSync(file, JSON.stringify({ version: 1, tokens: entries }));
    const settings = { FERMILINK_RUNNER_TOKENS_FILE: file, ...env };
    return new PackageServer(await Runner.start(settings, home, launcher), tokens);
  }

  /** A server over the same folders, when this one has ended. */
  async startNext(env: Record<string, string> = {}): Promise<PackageServer> {
    return new PackageServer(await this.runner.startNext(env), this.tokens);
  }

  /** The root of the scientific packages, and its managed storage. */
  get root(): string {
    return join(this.runner.home, 'fermilink', 'scientific_packages');
  }

  get storage(): string {
    return join(this.root, 'packages');
  }

  /** What lies in the managed storage. */
  stored(): string[] {
    return existsSync(this.storage) ? readdirSync(this.storage).sort() : [];
  }

  headers(who: 'admin' | 'reader' = 'admin'): Record<string, string> {
    return { Authorization: `Bearer ${this.tokens[who]}` };
  }

  async call(
    method: string,
    path: string,
    body?: unknown,
    who: 'admin' | 'reader' = 'admin',
  ): Promise<Answer> {
    const answer = await fetch(this.runner.url + path, {
      method,
      headers: { ...this.headers(who), 'Content-Type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    return read(answer);
  }

  async upload(
    id: string,
    archive: Buffer | ReadableStream,
    { query = '', type = 'application/gzip' } = {},
  ): Promise<Answer> {
    const answer = await fetch(`${this.runner.url}/packages/${id}/archive${query}`, {
      method: 'PUT',
      headers: { ...this.headers(), 'Content-Type': type },
      body: archive as unknown as string,
      duplex: 'half',
    });
    return read(answer);
  }

  /** Makes a folder with a file in it. */
  folder(path: string): string {
    mkdirSync(path, { recursive: true });
    writeFileSync(join(path, 'solver.py'), 'solved');
    return path;
  }

  /** Starts a run that does what a script says, and waits for what it has to say. */
  async run(script: string, more: object = {}): Promise<Answer> {
    const body = { user_prompt: script, on_disconnect: 'continue', ...more };
    return this.call('POST', '/runs', body);
  }

  async ended(runId: unknown): Promise<Answer> {
    for (;;) {
      const answer = await this.call('GET', `/runs/${String(runId)}`);
      if (!['queued', 'preparing', 'running'].includes(String(answer.body.state))) return answer;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async stop(): Promise<void> {
    await this.runner.terminate();
    unlock(this.runner.home);
    await this.runner.stop();
  }
}

async function read(answer: Response): Promise<Answer> {
  const text = await answer.text();
  const body = text === '' ? {} : (JSON.parse(text) as Record<string, unknown>);
  return { status: answer.status, headers: answer.headers, body };
}

function newToken(): string {
  return randomBytes(24).toString('base64url');
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** Lets an ordinary user remove what it has been stored without permission to write. */
export function unlock(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    chmodSync(join(folder, entry.name), 0o700);
    unlock(join(folder, entry.name));
  }
}
