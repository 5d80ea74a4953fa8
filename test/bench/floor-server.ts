/**
 * The floor: the least that a Node server can do for a run. It starts the agent of each POST and frames
 * what it writes, chunk by chunk. No admission, workspace, log, metrics or validation.
 */
import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const agent = process.argv[2]!;
const HEAD = 'event: agent\ndata: ';

const server = createServer((request, response) => {
  if (request.method !== 'POST') {
    response.end();
    return;
  }
  let body = '';
  request.setEncoding('utf8');
  request.on('data', (chunk: string) => (body += chunk));
  request.on('end', () => {
    const { user_prompt: prompt } = JSON.parse(body) as { user_prompt: string };
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' });
    const child = spawn(agent, [], { stdio: ['pipe', 'pipe', 'ignore'], detached: true });
    child.stdin.end(prompt);
    let isAtLineStart = true;
    child.stdout.on('data', (chunk: Buffer) => {
      const text = chunk.toString('latin1');
      const endsLine = text.endsWith('\n');
      const lines = endsLine ? text.slice(0, -1) : text;
      const framed =
        (isAtLineStart ? HEAD : '') +
        lines.replaceAll('\n', `\n\n${HEAD}`) +
        (endsLine ? '\n\n' : '');
      isAtLineStart = endsLine;
      if (response.write(framed, 'latin1')) return;
      child.stdout.pause();
      response.once('drain', () => child.stdout.resume());
    });
    child.once('close', (code) =>
      response.end(`event: runner.exit\ndata: {"return_code":${code}}\n\n`),
    );
    response.once('close', () => child.kill('SIGKILL'));
  });
});

server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  console.log(JSON.stringify({ url: `http://127.0.0.1:${port}` }));
});
