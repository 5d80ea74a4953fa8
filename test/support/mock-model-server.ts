import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

/** One entry of the talk that a CLI sends to the model. */
export interface InputItem {
  type?: string;
  role?: string;
  /** Of a message. */
  content?: { type: string; text?: string }[];
  /** Of the answer to a tool call. */
  output?: unknown;
}

/** What a CLI has sent to `POST /v1/responses`. */
export interface ModelRequest {
  authorization: string | undefined;
  model: string;
  input: InputItem[];
  tools: { type: string; name?: string }[];
}

/** What the model says next: words, or the wish to run a tool. */
export type ModelAnswer = { say: string } | { call: string; arguments: object };

/** Decides the answer to a request; `requests` holds all so far, this one last. */
export type Script = (request: ModelRequest, requests: readonly ModelRequest[]) => ModelAnswer;

/** The texts of the messages of one role, in order. */
export function textsOf(request: ModelRequest, role: string): string[] {
  return request.input
    .filter((item) => item.role === role)
    .flatMap((item) => item.content ?? [])
    .flatMap(({ text: it }) => it ?? []);
}

/** A model's server on loopback that speaks as much of OpenAI's Responses protocol as a CLI needs. */
export class MockModelServer {
  readonly requests: ModelRequest[] = [];
  /** Requests for anything else, as `METHOD path`. */
  readonly others: string[] = [];
  script: Script = () => ({ say: 'Done.' });

  private constructor(private readonly server: Server) {}

  static async start(): Promise<MockModelServer> {
    const server = createServer();
    const mock = new MockModelServer(server);
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      mock.answer(request, response).catch((error: unknown) => {
        response.writeHead(500).end(String(error));
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

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request);
    if (request.method !== 'POST' || request.url !== '/v1/responses') {
      this.others.push(`${request.method} ${request.url}`);
      response.writeHead(404, { 'content-type': 'application/json' }).end('{}');
      return;
    }
    const { model, input, tools } = JSON.parse(body) as ModelRequest;
    const { authorization } = request.headers;
    const received = { authorization, model, input, tools: tools ?? [] };
    this.requests.push(received);
    const number = this.requests.length;
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const event of eventsOf(this.script(received, this.requests), number)) {
      response.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
    }
    response.end();
  }
}

interface ServerEvent {
  type: string;
  [member: string]: unknown;
}

function eventsOf(answer: ModelAnswer, number: number): ServerEvent[] {
  const response = { id: `resp_${number}`, object: 'response', status: 'in_progress', output: [] };
  const item = itemOf(answer, number);
  const deltas =
    'say' in answer
      ? [
          {
            type: 'response.output_text.delta',
            item_id: item.id,
            output_index: 0,
            content_index: 0,
            delta: answer.say,
          },
        ]
      : [];
  const usage = {
    input_tokens: 100,
    input_tokens_details: { cached_tokens: 10 },
    output_tokens: 20,
    output_tokens_details: { reasoning_tokens: 5 },
    total_tokens: 120,
  };
  return [
    { type: 'response.created', response },
    {
      type: 'response.output_item.added',
      output_index: 0,
      item: { ...item, status: 'in_progress' },
    },
    ...deltas,
    { type: 'response.output_item.done', output_index: 0, item },
    {
      type: 'response.completed',
      response: { ...response, status: 'completed', output: [item], usage },
    },
  ];
}

function itemOf(answer: ModelAnswer, number: number): { id: string; [member: string]: unknown } {
  if ('say' in answer) {
    return {
      id: `msg_${number}`,
      type: 'message',
      role: 'assistant',
      status: 'completed',
      content: [{ type: 'output_text', text: answer.say, annotations: [] }],
    };
  }
  return {
    id: `fc_${number}`,
    type: 'function_call',
    call_id: `call_${number}`,
    name: answer.call,
    arguments: JSON.stringify(answer.arguments),
    status: 'completed',
  };
}
