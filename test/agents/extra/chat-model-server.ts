import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

/** What a CLI has sent to `POST /v1/chat/completions`. */
export interface ChatRequest {
  authorization: string | undefined;
  model: string;
  messages: { role: string; content?: unknown }[];
  tools?: { function: { name: string } }[];
}

/** What the model says next: words, or the wish to run a tool. */
export type ChatAnswer = { say: string } | { call: string; arguments: object };

/** A model's server on loopback that speaks as much of OpenAI's Chat Completions as a CLI needs. */
export class ChatModelServer {
  readonly requests: ChatRequest[] = [];
  /** Asked for each answer, with the number of the request from 1. */
  script: (number: number) => ChatAnswer = () => ({ say: 'Done.' });

  private constructor(private readonly server: Server) {}

  static async start(): Promise<ChatModelServer> {
    const server = createServer();
    const mock = new ChatModelServer(server);
    server.on('request', (request, response) => {
      void text(request).then((body) => {
        if (request.url !== '/v1/chat/completions') return response.writeHead(404).end('{}');
        const { authorization } = request.headers;
        const received = { ...(JSON.parse(body) as ChatRequest), authorization };
        mock.requests.push(received);
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        return response.end(streamOf(mock.script(mock.requests.length), received.model));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return mock;
  }

  get baseUrl(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/v1`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

/** The texts of the messages of one role, in order. */
export function chatTexts(request: ChatRequest, role: string): string[] {
  return request.messages
    .filter((it) => it.role === role)
    .flatMap(({ content }) => (Array.isArray(content) ? content : [{ text: content }]))
    .map((part) => String((part as { text: unknown }).text));
}

function streamOf(answer: ChatAnswer, model: string): string {
  const chunk = (more: object) =>
    `data: ${JSON.stringify({ id: 'chat', object: 'chat.completion.chunk', created: 1, model, ...more })}\n\n`;
  const choice = (delta: object, finish_reason: string | null) =>
    chunk({ choices: [{ index: 0, delta, finish_reason }] });
  const said =
    'say' in answer
      ? { role: 'assistant', content: answer.say }
      : { role: 'assistant', tool_calls: [{ index: 0, ...callOf(answer) }] };
  const usage = { prompt_tokens: 100, completion_tokens: 20, total_tokens: 120 };
  return [
    choice(said, null),
    choice({}, 'say' in answer ? 'stop' : 'tool_calls'),
    chunk({ choices: [], usage }),
    'data: [DONE]\n\n',
  ].join('');
}

function callOf(answer: { call: string; arguments: object }): object {
  const call = { name: answer.call, arguments: JSON.stringify(answer.arguments) };
  return { id: 'call_1', type: 'function', function: call };
}
