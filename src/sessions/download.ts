import { pipeline } from 'node:stream/promises';
import type { Request, Response } from 'express';
import { RunnerError } from '../common/errors.js';
import { names } from '../common/conditions.js';
import { bytesOf, etagOf, type OpenFile } from '../files/open-file.js';

/** Which bytes of a file are sent. */
interface Part {
  start: number;
  length: number;
  /** What is sent is all that there is, and not because it was asked for. */
  isWhole: boolean;
}

/**
 * Answers with a file, or the part of it that is asked for, and closes it. What is sent is an attachment
 * whatever it holds, so that no browser runs what an agent has written.
 * @param name for the client to save it under
 * @throws {RunnerError} `range_not_satisfiable`, before anything is sent
 */
export async function sendFile(
  request: Request,
  response: Response,
  file: OpenFile,
  name: string,
): Promise<void> {
  const { handle, stats } = file;
  try {
    const etag = etagOf(stats);
    const size = Number(stats.size);
    response.attachment(name);
    response.setHeader('Content-Type', 'application/octet-stream');
    setSafeHeaders(response);
    response.setHeader('Accept-Ranges', 'bytes');
    response.setHeader('ETag', etag);
    response.setHeader('Last-Modified', stats.mtime.toUTCString());
    const known = request.get('if-none-match');
    if (known !== undefined && names(known, etag)) {
      response.removeHeader('Content-Type');
      response.removeHeader('Content-Disposition');
      response.status(304).end();
      return;
    }
    const part = partOf(request, response, size, etag);
    if (!part.isWhole) {
      const last = part.start + part.length - 1;
      response.status(206).setHeader('Content-Range', `bytes ${part.start}-${last}/${size}`);
    }
    response.setHeader('Content-Length', part.length);
    if (request.method === 'HEAD') response.end();
    // Where the file has become shorter, or its client leaves, the connection is cut.
    else await pipeline(bytesOf(handle, part.start, part.length), response);
  } finally {
    await handle.close();
  }
}

/** What an agent has made is never shown as a page of this origin. */
export function setSafeHeaders(response: Response): void {
  response.setHeader('X-Content-Type-Options', 'nosniff');
  response.setHeader('Content-Security-Policy', 'sandbox');
  response.setHeader('Cache-Control', 'private, no-cache');
}

/** The part that is asked for; the whole where that is none, or more than one, or of another state. */
function partOf(request: Request, response: Response, size: number, etag: string): Part {
  const whole = { start: 0, length: size, isWhole: true };
  const condition = request.get('if-range');
  if (condition !== undefined && condition !== etag) return whole;
  if (isLongSuffix(request.get('range'), size)) return { ...whole, isWhole: false };
  const ranges = request.range(size);
  if (ranges === -1) {
    response.removeHeader('Content-Disposition');
    response.setHeader('Content-Range', `bytes */${size}`);
    throw new RunnerError(
      'range_not_satisfiable',
      `The file has ${size} bytes; the range that is asked for is not in it.`,
    );
  }
  if (ranges === undefined || ranges === -2 || ranges.type !== 'bytes') return whole;
  const [range] = ranges;
  if (range === undefined || ranges.length > 1) return whole;
  return { start: range.start, length: range.end - range.start + 1, isWhole: false };
}

/** Whether the end of a file is asked for that has no more than that: the framework takes it for no range of it. */
function isLongSuffix(range: string | undefined, size: number): boolean {
  const suffix = /^bytes=-(?<length>\d+)$/.exec(range?.trim() ?? '')?.groups;
  return size > 0 && suffix !== undefined && Number(suffix.length) >= size;
}
