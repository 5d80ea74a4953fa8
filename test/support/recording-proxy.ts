import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

const LOOPBACK = '127.0.0.1,localhost,::1';

/** A proxy on loopback that remembers what it is asked for, and lets nobody through. */
export class RecordingProxy {
  /** `host:port` of each tunnel, and the address of each request without one. */
  readonly asked: string[] = [];

  private constructor(
    private readonly server: Server,
    private readonly url: string,
  ) {}

  static async start(): Promise<RecordingProxy> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const proxy = new RecordingProxy(server, `http://127.0.0.1:${port}`);
    server.on('connect', (request, socket) => {
      proxy.asked.push(String(request.url));
      socket.on('error', () => undefined);
      socket.end('HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
    });
    server.on('request', (request, response) => {
      proxy.asked.push(String(request.url));
      response.writeHead(502).end();
    });
    return proxy;
  }

  /** What a process has in its environment that is to use it for all but loopback. */
  get variables(): Record<string, string> {
    const upper = {
      HTTP_PROXY: this.url,
      HTTPS_PROXY: this.url,
      ALL_PROXY: this.url,
      NO_PROXY: LOOPBACK,
    };
    const lower = Object.entries(upper).map(([name, value]) => [name.toLowerCase(), value]);
    return { ...upper, ...(Object.fromEntries(lower) as Record<string, string>) };
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
