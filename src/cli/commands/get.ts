import { once } from 'node:events';
import { type Download, RunnerUnreachable } from '../../client/index.js';
import { connect } from '../connection.js';
import type { ConnectionOptions } from '../options.js';
import { safeText } from '../safe-text.js';
import { saveFile } from '../save-file.js';

interface Options extends ConnectionOptions {
  output?: string;
  force?: boolean;
}

/** `fermilink-runner get`: a file of a session, to stdout or where the caller says. */
export async function get(sessionId: string, path: string, options: Options): Promise<void> {
  const { client } = connect(options);
  const download = await client.session(sessionId).download(path);
  if (options.output === undefined) await print(download);
  else await saveFile(options.output, chunksOf(download), options.force === true);
}

async function print(download: Download): Promise<void> {
  const { stdout } = process;
  const isTerminal = stdout.isTTY === true;
  const decoder = new TextDecoder();
  for await (const chunk of chunksOf(download)) {
    // A terminal would obey what an agent has written.
    const shown = isTerminal ? safeText(decoder.decode(chunk, { stream: true })) : chunk;
    if (!stdout.write(shown)) await once(stdout, 'drain');
  }
}

/** What comes. @throws {RunnerUnreachable} if it breaks off */
async function* chunksOf({ body }: Download): AsyncGenerator<Uint8Array> {
  const reader = body.getReader();
  try {
    for (;;) {
      const part = await reader.read().catch((error: unknown) => {
        throw new RunnerUnreachable('The connection broke before all of the file had come.', error);
      });
      if (part.done) return;
      yield part.value;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
