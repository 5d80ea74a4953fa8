import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { FrameSink } from './frame-sink.js';

/** A response to a client that has read nothing yet. */
async function responseTo(use: (response: ServerResponse, client: Socket) => Promise<void>) {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  client.on('error', () => undefined);
  client.pause();
  client.write('GET / HTTP/1.1\r\nHost: here\r\n\r\n');
  const [, response] = (await once(server, 'request')) as [unknown, ServerResponse];
  response.on('error', () => undefined);
  response.flushHeaders();
  try {
    await use(response, client);
  } finally {
    client.destroy();
    response.destroy();
    server.close();
  }
}

describe('FrameSink', () => {
  // As much as would be a stall of its own, and so little that no buffer counts as full.
  it.each([300_000, 1000])('tells of a client that accepts nothing of %d bytes', (bytes) =>
    responseTo(async (response) => {
      const gone = new AbortController();
      let told = 0;
      const sink = new FrameSink(response, 1, () => {
        told += 1;
        gone.abort(new Error('cut'));
      });
      const batch = Buffer.alloc(bytes, 'x');
      const writing = (async () => {
        for (;;) await sink.write(batch, gone.signal);
      })();
      await expect(writing).rejects.toThrow('cut');
      expect(told).toBe(1);
      sink.close();
    }),
  );

  it('lets the memory of a batch be used again once it is written', () =>
    responseTo(async (response, client) => {
      const { signal } = new AbortController();
      const sink = new FrameSink(response, 60, () => undefined);
      const [memory, rounds] = [Buffer.alloc(300_000), 60];
      let received = '';
      client.setEncoding('latin1');
      client.on('data', (text: string) => (received += text));
      // It begins to read when the system has taken all that it takes.
      setTimeout(() => client.resume(), 50);
      for (let round = 0; round < rounds; round += 1) {
        memory.fill(String.fromCharCode(65 + round));
        await sink.write(memory, signal);
      }
      sink.close();
      response.end();
      await once(client, 'end');
      const letters = received
        .slice(received.indexOf('\r\n\r\n') + 4)
        .split('\r\n')
        .filter((part) => part.length > 10);
      expect(letters).toEqual(
        Array.from({ length: rounds }, (_, round) =>
          String.fromCharCode(65 + round).repeat(memory.length),
        ),
      );
    }));
});
