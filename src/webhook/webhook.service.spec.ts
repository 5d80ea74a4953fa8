import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Counter, Gauge } from 'prom-client';
import { eventually } from '../../test/support/processes.js';
import { isSigned, Receiver, status } from '../../test/support/receiver.js';
import { createLogger } from '../common/logger.js';
import { RunnerConfig } from '../config/runner-config.js';
import { Outbox } from './outbox.js';
import { WebhookMetrics } from './webhook-metrics.js';
import { WebhookService } from './webhook.service.js';

const KEY = Buffer.from('a key of more than 24 bytes');

let folder: string;
let receiver: Receiver;
const services: WebhookService[] = [];
const tries = new Counter({ name: 't', help: 't', labelNames: ['outcome'], registers: [] });
const pending = new Gauge({ name: 'p', help: 'p', registers: [] });

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'fermilink-webhook-'));
  receiver = await new Receiver().start();
  tries.reset();
  pending.reset();
});
afterEach(async () => {
  for (const service of services.splice(0)) await service.onModuleDestroy();
  await receiver.stop();
  rmSync(folder, { recursive: true, force: true });
});

function service({ timeoutSeconds = 10, maxAgeHours = 24 } = {}): WebhookService {
  const webhook = { url: new URL(receiver.url), key: KEY, timeoutSeconds, maxAgeHours };
  const config = new RunnerConfig({ runtimeRoot: folder, webhook } as RunnerConfig);
  const it = new WebhookService(createLogger(), config, new WebhookMetrics(tries, pending));
  services.push(it);
  return it;
}

const tell = (it: WebhookService, key = 'a', data: object = { n: 1 }) =>
  it.tell('ended', key, data);
const files = () => {
  const names = readdirSync(folder).includes('webhooks')
    ? readdirSync(join(folder, 'webhooks'))
    : [];
  return names.length;
};
const untilReceived = (count: number) =>
  eventually(
    () => receiver.received.length,
    (it) => it >= count,
  );
const untilSettled = () => eventually(files, (it) => it === 0);
const outcomes = async () => {
  const { values } = await tries.get();
  return Object.fromEntries(values.map(({ labels, value }) => [String(labels.outcome), value]));
};
const waiting = async () => (await pending.get()).values[0]?.value;

describe('a message', () => {
  it('is signed, and says what has happened', async () => {
    tell(service(), 'k1', { text: 'ü\u2028"' });
    await untilSettled();
    const [received] = receiver.received;
    expect(received!.path).toBe('/hook?a=b');
    expect(received!.headers).toMatchObject({
      'content-type': 'application/json',
      'webhook-id': 'msg_k1',
    });
    expect(isSigned(received!, KEY)).toBe(true);
    expect(isSigned({ ...received!, body: `${received!.body} ` }, KEY)).toBe(false);
    const [body] = receiver.bodies;
    expect(body).toEqual({
      id: 'msg_k1',
      type: 'ended',
      created_at: expect.any(String),
      data: { text: 'ü\u2028"' },
    });
    expect(Math.abs(Date.parse(String(body!.created_at)) - Date.now())).toBeLessThan(60_000);
    expect(await outcomes()).toEqual({ delivered: 1 });
    expect(await waiting()).toBe(0);
  });

  it('is tried again, later each time, until it is taken', async () => {
    receiver.answer = (response, _, count) => response.writeHead(count < 4 ? 500 : 204).end();
    tell(service());
    await eventually(waiting, (it) => it === 1);
    await untilSettled();
    const { received } = receiver;
    expect(received).toHaveLength(4);
    expect(new Set(received.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
    expect(new Set(received.map(({ body }) => body)).size).toBe(1);
    expect(received.every((it) => isSigned(it, KEY))).toBe(true);
    const pauses = received.slice(1).map(({ at }, index) => at - received[index]!.at);
    expect(pauses.map((it, index) => it >= 490 * 2 ** index)).toEqual([true, true, true]);
    expect(await outcomes()).toEqual({ failed: 3, delivered: 1 });
  });

  it('is not tried before the time that the receiver asks for', async () => {
    receiver.answer = (response, _, count) =>
      response.writeHead(count === 1 ? 429 : 200, { 'retry-after': '3' }).end();
    tell(service());
    await untilSettled();
    const [first, second] = receiver.received;
    expect(second!.at - first!.at).toBeGreaterThan(2900);
  });

  it('follows no redirect', async () => {
    const elsewhere = await new Receiver().start();
    receiver.answer = (response, _, count) => {
      if (count === 1) response.writeHead(307, { location: elsewhere.url }).end();
      else response.writeHead(200).end();
    };
    tell(service());
    await untilSettled();
    expect(receiver.received).toHaveLength(2);
    expect(elsewhere.received).toEqual([]);
    await elsewhere.stop();
  });

  it('is given up where the receiver says that it is gone', async () => {
    receiver.answer = status(410);
    const it = service();
    tell(it);
    await untilSettled();
    expect(await outcomes()).toEqual({ gone: 1 });
    receiver.answer = status(200);
    tell(it, 'b');
    await untilSettled();
    expect(receiver.received).toHaveLength(2);
  });

  it('is given up when it is too old, but not without a try', async () => {
    const body = '{"id":"msg_old"}';
    const createdAt = new Date(Date.now() - 3_700_000).toISOString();
    new Outbox(join(folder, 'webhooks')).put({ id: 'msg_old', createdAt, body });
    receiver.answer = status(500);
    await service({ maxAgeHours: 1 }).takeUp();
    await untilSettled();
    expect(receiver.received.map((it) => it.body)).toEqual([body]);
    expect(await outcomes()).toEqual({ given_up: 1 });
  });

  it('that is told twice is delivered under one id', async () => {
    const it = service();
    tell(it, 'a', { n: 1 });
    tell(it, 'a', { n: 2 });
    await untilSettled();
    expect(receiver.bodies.map(({ data }) => data)).toEqual([{ n: 2 }]);
  });
});

describe('a receiver that does not answer as it should', () => {
  it('has so long, and no longer', async () => {
    receiver.answer = (response, _, count) => {
      if (count > 1) response.writeHead(200).end();
    };
    tell(service({ timeoutSeconds: 1 }));
    await untilSettled();
    const [first, second] = receiver.received;
    expect(second!.at - first!.at).toBeGreaterThan(1400);
  });

  it('is known by the head of its answer, however slow or long the rest is', async () => {
    receiver.answer = (response, _, count) => {
      response.writeHead(200);
      if (count % 2 === 0) response.write('x'.repeat(1_000_000));
      else response.write('x');
    };
    const it = service();
    for (let index = 0; index < 8; index += 1) tell(it, `k${index}`);
    await untilSettled();
    expect(receiver.received).toHaveLength(8);
    expect(await outcomes()).toEqual({ delivered: 8 });
  });

  it('may break off, or speak something else', async () => {
    receiver.answer = (response, _, count) => {
      if (count === 1) response.socket!.destroy();
      else if (count === 2) response.socket!.end('SSH-2.0-OpenSSH\r\n');
      else response.writeHead(200).end();
    };
    tell(service());
    await untilSettled();
    expect(await outcomes()).toEqual({ failed: 2, delivered: 1 });
  });

  it('may come back', async () => {
    await receiver.stop();
    tell(service());
    await eventually(outcomes, ({ failed = 0 }) => failed >= 2);
    await receiver.start();
    await untilSettled();
    expect(receiver.received).toHaveLength(1);
  });

  it('gets no more than a few at a time', async () => {
    receiver.answer = () => undefined;
    const it = service({ timeoutSeconds: 1 });
    for (let index = 0; index < 40; index += 1) tell(it, `k${index}`);
    await untilReceived(12);
    receiver.answer = status(200);
    await untilSettled();
    expect(receiver.mostOpen).toBe(4);
  });
});

describe('what a server leaves', () => {
  it('is delivered by the next one, with the same id', async () => {
    receiver.answer = status(500);
    const first = service();
    tell(first, 'a');
    tell(first, 'b');
    await untilReceived(2);
    await first.onModuleDestroy();
    expect(files()).toBe(2);
    const before = receiver.received.length;
    receiver.answer = status(200);
    await service().takeUp();
    await untilSettled();
    const ids = receiver.received.map(({ headers }) => headers['webhook-id']);
    expect(ids.slice(before).sort()).toEqual(['msg_a', 'msg_b']);
  });

  it('waits for the answers that are on their way when it ends', async () => {
    receiver.answer = (response) => void setTimeout(() => response.writeHead(200).end(), 300);
    const it = service();
    tell(it);
    await untilReceived(1);
    await it.onModuleDestroy();
    expect(files()).toBe(0);
  });

  it('does not wait for ever', async () => {
    receiver.answer = () => undefined;
    const it = service();
    tell(it);
    await untilReceived(1);
    const began = performance.now();
    await it.onModuleDestroy();
    expect(performance.now() - began).toBeLessThan(5000);
    expect(files()).toBe(1);
  });

  it('is passed over where it is damaged', async () => {
    const outbox = new Outbox(join(folder, 'webhooks'));
    for (const id of ['msg_a', 'msg_b', 'msg_c']) {
      outbox.put({ id, createdAt: new Date().toISOString(), body: '{}' });
    }
    writeFileSync(join(folder, 'webhooks', 'msg_a.json'), '{"id": "msg_a", "crea');
    writeFileSync(join(folder, 'webhooks', 'msg_b.json'), '{"id": "msg_b"}');
    writeFileSync(join(folder, 'webhooks', 'msg_d.json.tmp'), '{');
    await service().takeUp();
    await untilSettled();
    expect(receiver.received).toHaveLength(1);
    expect(await outcomes()).toEqual({ delivered: 1, given_up: 2 });
  });
});

/** Bytes that are in use after a collection: what the process has taken besides depends on the tests before. */
function heldMemory(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

describe('many messages for a receiver that is down', () => {
  it('take no memory to speak of, and all come in the end', async () => {
    await receiver.stop();
    const first = service();
    const text = 'x'.repeat(64 * 1024);
    const before = heldMemory();
    for (let index = 0; index < 1000; index += 1) tell(first, `k${index}`, { text });
    await eventually(outcomes, ({ failed = 0 }) => failed >= 1000);
    expect(await waiting()).toBe(1000);
    // All of them would be 64 MB.
    expect(heldMemory() - before).toBeLessThan(50_000_000);
    await first.onModuleDestroy();
    await receiver.start();
    await service().takeUp();
    await untilSettled();
    expect(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size).toBe(1000);
  });
});
