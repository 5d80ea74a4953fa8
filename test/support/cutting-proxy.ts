import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/**
 * An address that stays while servers behind it come and go, and that cuts connections: each after as many
 * bytes of the answer as it is told to let through.
 */
export class CuttingProxy {
  /** How many connections there were. */
  connections = 0;
  /** How many bytes of the server the next connections let through; Infinity for the others. */
  readonly cuts: number[] = [];
  /** Where it leads to; null refuses everybody. */
  target: string | null;
  private readonly sockets = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    target: string | null,
  ) {
    this.target = target;
    server.on('connection', (client) => this.pass(client));
  }

  static async start(target: string | null): Promise<CuttingProxy> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new CuttingProxy(server, target);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** How many connections are open now. */
  get open(): number {
    return this.sockets.size;
  }

  /** Breaks all connections that there are. */
  cutAll(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  async stop(): Promise<void> {
    this.cutAll();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private pass(client: Socket): void {
    client.on('error', () => undefined);
    this.connections += 1;
    if (this.target === null) {
      client.destroy();
      return;
    }
    this.sockets.add(client);
    const { hostname, port } = new URL(this.target);
    const server = connect(Number(port), hostname);
    server.on('error', () => client.destroy());
    let left = this.cuts.shift() ?? Infinity;
    client.pipe(server);
    server.on('data', (chunk) => {
      const passed = chunk.length > left ? chunk.subarray(0, left) : chunk;
      left -= passed.length;
      if (left > 0) client.write(passed);
      else client.end(passed, () => client.destroy());
    });
    server.on('close', () => client.destroy());
    client.on('close', () => {
      this.sockets.delete(client);
      server.destroy();
    });
  }
}
