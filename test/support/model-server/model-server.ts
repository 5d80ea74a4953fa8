import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { anthropicMessages } from './anthropic-messages.js';
import { chatCompletions } from './chat-completions.js';
import { geminiGenerate } from './gemini-generate.js';
import { openaiResponses } from './openai-responses.js';
import { HOLD, type Protocol, type RawRequest, type Reply, type StreamPart } from './protocol.js';
import { inTurn, type ModelRequest, type Script } from './script.js';

const PROTOCOLS = [openaiResponses, anthropicMessages, geminiGenerate, chatCompletions];

/** What is answered to a CLI that asks for something beside the talk, such as a title for it. */
const ASIDE: Reply = { say: 'A title' };

/** A server of models on loopback that speaks the protocols of all CLIs and says what a script wants. */
export class ModelServer {
  /** The requests of the talk: those that offer tools. */
  requests: ModelRequest[] = [];
  /** Requests to a model that offer none: a CLI's own, for titles and the like. */
  asides: ModelRequest[] = [];
  /** Requests for anything else, as `METHOD path`. */
  others: string[] = [];
  script: Script = inTurn({ say: 'Done.' });
  private answers = 0;
  private readonly askers = new Set<() => void>();

  private constructor(
    private readonly server: Server,
    /** Without a path: each CLI adds its own. */
    readonly url: string,
  ) {}

  static async start(): Promise<ModelServer> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const model = new ModelServer(server, `http://127.0.0.1:${port}`);
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      model.answer(request, response).catch((error: unknown) => {
        if (response.headersSent) response.destroy();
        else response.writeHead(500).end(String(error));
      });
    });
    return model;
  }

  /** Forgets what was asked and begins with another script. */
  begin(script: Script): void {
    this.requests = [];
    this.asides = [];
    this.others = [];
    this.script = script;
  }

  /** Waits until a request of the talk has come. */
  async asked(): Promise<void> {
    while (this.requests.length === 0) {
      await new Promise<void>((resolve) => this.askers.add(resolve));
    }
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request);
    const path = (request.url ?? '').replace(/\?.*$/, '');
    const protocol = PROTOCOLS.find((it) => it.matches(path));
    if (request.method !== 'POST' || protocol === undefined) {
      this.others.push(`${request.method} ${path}`);
      sendJson(response, 404, {});
      return;
    }
    const raw: RawRequest = {
      path,
      body: JSON.parse(body) as RawRequest['body'],
      headers: request.headers,
    };
    const received: ModelRequest = { ...protocol.read(raw), body };
    const isTalk = received.toolNames.length > 0;
    (isTalk ? this.requests : this.asides).push(received);
    for (const wake of this.askers) wake();
    this.askers.clear();
    const answer = isTalk ? this.script(received, this.requests.length) : ASIDE;
    if (answer === 'silence') return;
    if ('status' in answer) sendJson(response, answer.status, protocol.refusal(answer.status));
    else await this.say(response, protocol, answer, raw, received);
  }

  private async say(
    response: ServerResponse,
    protocol: Protocol,
    reply: Reply,
    raw: RawRequest,
    received: ModelRequest,
  ): Promise<void> {
    const id = String((this.answers += 1));
    const whole = protocol.whole?.(reply, raw, id) ?? null;
    if (whole !== null) {
      sendJson(response, 200, whole);
      return;
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const part of protocol.stream(reply, received, id)) {
      if (part !== HOLD) response.write(blockOf(part));
      else if ('hold' in reply) await reply.hold;
    }
    response.end();
  }
}

function sendJson(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

function blockOf({ event, data }: StreamPart): string {
  const name = event === undefined ? '' : `event: ${event}\n`;
  return `${name}data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`;
}
