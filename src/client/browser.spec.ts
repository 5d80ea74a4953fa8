import { RunnerClient } from './client.js';

/** A `fetch` of a browser over HTTP/1.1: it sends no streams. */
async function browserFetch(_url: unknown, { method, body }: RequestInit = {}): Promise<Response> {
  if (method !== 'PUT') throw new TypeError('Failed to fetch');
  if (!(body instanceof Blob)) throw new TypeError('ERR_H2_OR_QUIC_REQUIRED');
  sent.push(await body.text());
  return new Response(null, { status: 201, headers: { etag: '"1"' } });
}
const sent: string[] = [];
const client = new RunnerClient({ baseUrl: 'http://127.0.0.1:8000', fetch: browserFetch });
const session = client.session('s');

function streamOf(...parts: (string | Error)[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    pull(controller) {
      const part = parts.shift();
      if (part === undefined) controller.close();
      else if (part instanceof Error) controller.error(part);
      else controller.enqueue(new TextEncoder().encode(part));
    },
  });
}

describe('the client in a browser', () => {
  beforeEach(() => {
    sent.length = 0;
    Object.assign(globalThis, { document: {} });
  });
  afterEach(() => void Reflect.deleteProperty(globalThis, 'document'));

  it('uploads a stream, which browsers do not send as one', async () => {
    const answer = await session.upload('a', streamOf('one, ', 'two'));
    expect([answer, sent]).toEqual([{ isNew: true, etag: '"1"' }, ['one, two']]);
  });

  it('sends nothing of a stream that fails, or whose upload is given up, and says why', async () => {
    const broken = new Error('the source broke');
    await expect(session.upload('a', streamOf('one', broken))).rejects.toBe(broken);
    const reason = new Error('given up');
    const signal = AbortSignal.abort(reason);
    await expect(session.upload('a', streamOf('one'), { signal })).rejects.toBe(reason);
    const leaving = new AbortController();
    const endless = session.upload('a', new ReadableStream(), { signal: leaving.signal });
    setTimeout(() => leaving.abort(reason), 10);
    await expect(endless).rejects.toBe(reason);
    expect(sent).toEqual([]);
  });

  it('says what browsers hide behind a server that does not answer', async () => {
    const sentence = /not answer.*FERMILINK_RUNNER_CORS_ORIGINS.*other streams/;
    await expect(client.get('a')).rejects.toThrow(sentence);
    const run = client.run({ user_prompt: 'x' }, { reconnect: { connectSeconds: 0 } });
    await expect(run.toEnd()).rejects.toThrow(sentence);
    Reflect.deleteProperty(globalThis, 'document');
    await expect(client.get('a')).rejects.toThrow(/not answer\.$/);
  });
});
