import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { PROJECT, Runner, temporaryFolder } from '../support/runner.js';

const execute = promisify(execFile);
const INDEX = join(PROJECT, 'dist', 'client', 'index.js');

describe('the package', () => {
  let runner: Runner;
  beforeAll(async () => {
    runner = await Runner.start();
  });
  afterAll(() => runner.stop());

  it('has a client that works where there is only the web platform', async () => {
    const page = join(PROJECT, 'test', 'support', 'web-page.mjs');
    const { stdout } = await execute(process.execPath, [
      '--experimental-vm-modules',
      '--no-warnings',
      page,
      INDEX,
      runner.url,
    ]);
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.map(([id, event]) => [id, event])).toEqual([
      [1, 'meta'],
      [2, 'agent'],
      [3, 'runner.exit'],
      ['undefined', 'undefined'],
    ]);
    expect(lines[1][2]).toBe('hello from a page');
  });

  describe('installed somewhere else', () => {
    let folder: string;
    beforeAll(() => {
      folder = temporaryFolder();
      mkdirSync(join(folder, 'node_modules'));
      symlinkSync(PROJECT, join(folder, 'node_modules', 'fermilink-runner'));
      writeFileSync(join(folder, 'package.json'), '{"type": "module"}');
    });
    afterAll(() => rm(folder, { recursive: true }));

    it('is imported by its name', async () => {
      writeFileSync(
        join(folder, 'use.js'),
        `import { RunnerClient } from 'fermilink-runner/client';
         const client = new RunnerClient({ baseUrl: process.argv[2] });
         const exit = await client.run({ user_prompt: 'echo hello' }).toEnd();
         console.log(exit.reason);`,
      );
      const { stdout } = await execute(process.execPath, ['use.js', runner.url], { cwd: folder });
      expect(stdout).toBe('completed\n');
    });

    it('has types of its own, for a project that knows only the web platform', async () => {
      writeFileSync(
        join(folder, 'use.ts'),
        `import { RunnerClient, RunnerProblem, type RunEvent } from 'fermilink-runner/client';
         const client = new RunnerClient({ baseUrl: 'http://127.0.0.1:8000' });
         for await (const event of client.run({ user_prompt: 'x' }, { view: 'activity' })) {
           if (event.event === 'activity' && event.data.type === 'tool_call') {
             const kind: 'read' | 'edit' | 'delete' | 'move' | 'search' | 'execute' | 'think' | 'fetch' | 'other' = event.data.kind;
             void kind;
           }
           if (event.event === 'runner.exit') void event.data.return_code?.toFixed();
           // @ts-expect-error the line of an agent is text
           if (event.event === 'agent') event.data.nothing;
         }
         // @ts-expect-error a run needs a prompt
         client.run({});
         void ((error: RunnerProblem, event: RunEvent) => [error.code, event.id]);`,
      );
      const options = {
        ...{ strict: true, noEmit: true, module: 'nodenext', target: 'es2023', types: [] },
        lib: ['es2023', 'dom', 'dom.asynciterable'],
        // The declarations are to be right by themselves.
        skipLibCheck: false,
      };
      writeFileSync(
        join(folder, 'tsconfig.json'),
        JSON.stringify({ compilerOptions: options, include: ['use.ts'] }),
      );
      const tsc = join(PROJECT, 'node_modules', 'typescript', 'bin', 'tsc');
      const said = await execute(process.execPath, [tsc, '-p', folder]).then(
        () => '',
        (error: { stdout: string }) => error.stdout,
      );
      expect(said).toBe('');
    });
  });

  it('names only files that the build makes', () => {
    const manifest = JSON.parse(readFileSync(join(PROJECT, 'package.json'), 'utf8'));
    const { types, default: main } = manifest.exports['./client'];
    for (const path of [types, main, manifest.bin['fermilink-runner']]) {
      expect([path, existsSync(join(PROJECT, path))]).toEqual([path, true]);
    }
    const command = readFileSync(join(PROJECT, manifest.bin['fermilink-runner']), 'utf8');
    expect(command.startsWith('#!/usr/bin/env node\n')).toBe(true);
  });
});
