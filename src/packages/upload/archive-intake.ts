import { type Readable, Transform } from 'node:stream';
import { RunnerError } from '../../common/errors.js';
import type { StreamedBody } from '../../common/request-limits.js';
import type { PackageSettings } from '../../config/package-settings.js';
import { archiveFault, archiveTooLarge } from './archive-fault.js';

/** `PUT /packages/{id}/archive`. */
export const ARCHIVE_BODY: StreamedBody = {
  method: 'PUT',
  path: /^\/packages\/[^/]+\/archive\/?$/i,
};

/** Bytes of content up to which any ratio is fine. */
const FREE_BYTES = 32 * 1024 * 1024;
const GZIP = [0x1f, 0x8b];

/** Counts what is received of an archive, and what comes out of it. */
export class ArchiveIntake {
  /** Bytes as they were sent. */
  received = 0;
  private unpacked = 0;

  constructor(private readonly settings: PackageSettings) {}

  /**
   * What a client sends. It ends with `body_too_large`, `request_timeout` or `package_invalid` where that is
   * too much, too slow or no gzip. The body itself is left open: the answer goes out on its connection.
   */
  receive(body: Readable): Readable {
    const received = new Transform({
      transform: (chunk: Buffer, _encoding, done) => {
        patience.refresh();
        const fault = this.faultOf(chunk);
        this.received += chunk.length;
        if (fault === null) done(null, chunk);
        else done(fault);
      },
    });
    const patience = setTimeout(() => {
      // Where there is more than is taken, it is the server that is slow.
      if (received.writableNeedDrain) patience.refresh();
      else received.destroy(timeout(this.settings.idleSeconds));
    }, this.settings.idleSeconds * 1000);
    const cut = (error?: Error) => received.destroy(error ?? new Error('the client has gone'));
    const leave = () => {
      clearTimeout(patience);
      body.off('error', cut).off('close', cut).unpipe(received);
      // What is still to come of it is nobody's.
      body.resume();
    };
    received.once('close', leave);
    body.once('end', () => body.off('close', cut));
    body.once('error', cut).once('close', cut).pipe(received);
    if (body.destroyed) cut();
    return received;
  }

  /** Passes on what comes out of the compression. @throws {RunnerError} `package_too_large` */
  async *bound(archive: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    const { maxUnpackedBytes, maxRatio } = this.settings;
    for await (const chunk of archive) {
      this.unpacked += chunk.length;
      if (this.unpacked > maxUnpackedBytes) {
        throw archiveTooLarge(`unpacked it has over ${maxUnpackedBytes} bytes`);
      }
      if (this.unpacked > FREE_BYTES && this.unpacked > maxRatio * this.received) {
        throw archiveTooLarge(`unpacked it is over ${maxRatio} times as large`);
      }
      yield chunk;
    }
  }

  private faultOf(chunk: Buffer): RunnerError | null {
    const { maxBytes } = this.settings;
    if (this.received + chunk.length > maxBytes) return bodyTooLarge(maxBytes);
    const head = GZIP.slice(this.received, this.received + chunk.length);
    if (head.every((byte, at) => chunk[at] === byte)) return null;
    return archiveFault('the body has to be a tar archive that is compressed with gzip');
  }
}

function timeout(seconds: number): RunnerError {
  const sentence = `Nothing of the body came for ${seconds} seconds; send it again.`;
  return new RunnerError('request_timeout', sentence);
}

export function bodyTooLarge(most: number): RunnerError {
  return new RunnerError('body_too_large', `The archive is larger than ${most} bytes.`);
}
