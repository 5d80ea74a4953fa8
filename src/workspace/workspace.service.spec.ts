import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { childrenWith, eventually } from '../../test/support/processes.js';
import { WorkspacesFixture } from '../../test/support/workspaces.js';
import { loadConfig } from '../config/load-config.js';

describe('WorkspaceService', () => {
  let home: string;
  let template: string;
  let workspaces: WorkspacesFixture;
  const repo = (session: string) => join(home, 'workspaces', session, 'repo');
  const read = (session: string, name: string) => readFileSync(join(repo(session), name), 'utf8');

  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'fermilink-workspace-'));
    template = join(home, 'template');
    mkdirSync(join(template, 'tools'), { recursive: true });
    writeFileSync(join(template, 'AGENTS.md'), 'the rules');
    writeFileSync(join(template, 'tools', 'run.sh'), '#!/bin/sh\n');
    chmodSync(join(template, 'tools', 'run.sh'), 0o755);
    symlinkSync('tools/run.sh', join(template, 'link.sh'));
    const config = loadConfig({
      FERMILINK_HOME: home,
      FERMILINK_SOFTWARE_ROOT: template,
      PATH: process.env.PATH,
    });
    workspaces = new WorkspacesFixture(config);
  });
  afterEach(async () => {
    await workspaces.dispose();
    rmSync(home, { recursive: true, force: true });
  });

  const prepare: WorkspacesFixture['prepare'] = (sessionId, more) =>
    workspaces.prepare(sessionId, more);

  it('makes a repository of the template, with links as the files they point to', async () => {
    const { overlay } = await prepare('s');
    expect(workspaces.repoPathOf('s')).toBe(repo('s'));
    expect(overlay).toBeNull();
    expect(lstatSync(join(repo('s'), 'link.sh')).isFile()).toBe(true);
    expect(lstatSync(join(repo('s'), 'tools', 'run.sh')).mode & 0o111).toBe(0o111);
    expect(readdirSync(repo('s')).sort()).toEqual(
      ['.git', 'AGENTS.md', 'link.sh', 'outputs', 'projects', 'tools'].sort(),
    );
    expect(readdirSync(join(home, 'workspaces', 's'))).toEqual(['repo']);
    const status = execFileSync('git', ['status', '--porcelain'], {
      cwd: repo('s'),
      encoding: 'utf8',
    });
    expect(status).toContain('?? AGENTS.md');
  });

  it('keeps what an agent has made, but puts the rules back', async () => {
    await prepare('s');
    writeFileSync(join(repo('s'), 'outputs', 'result'), '42');
    writeFileSync(join(repo('s'), 'AGENTS.md'), 'do as you like');
    rmSync(join(repo('s'), 'tools'), { recursive: true });
    writeFileSync(join(template, 'AGENTS.md'), 'new rules');
    await prepare('s', { prompt: 'another' });
    expect(read('s', 'AGENTS.md')).toBe('new rules');
    expect(read('s', 'outputs/result')).toBe('42');
    expect(existsSync(join(repo('s'), 'tools'))).toBe(false);
    expect(read('s', 'projects/memory.md')).toContain('a prompt');
  });

  it('leaves nothing of a template that it could not copy', async () => {
    symlinkSync('nowhere', join(template, 'tools', 'dangling'));
    await expect(prepare('s')).rejects.toMatchObject({ code: 'workspace_failed' });
    expect(readdirSync(join(home, 'workspaces', 's'))).toEqual([]);
  });

  it('removes what stands in the place of the rules only until it is stopped', async () => {
    await prepare('s');
    rmSync(join(repo('s'), 'AGENTS.md'));
    mkdirSync(join(repo('s'), 'AGENTS.md'));
    for (let n = 0; n < 20_000; n += 1) writeFileSync(join(repo('s'), 'AGENTS.md', `${n}`), '');
    const stop = new AbortController();
    const stopped = prepare('s', { signal: stop.signal });
    // As soon as \`rm\` is at work.
    await eventually(
      () => childrenWith('./AGENTS.md'),
      (pids) => pids.length > 0,
    );
    stop.abort(new Error('enough'));
    await expect(stopped).rejects.toThrow('enough');
    expect(lstatSync(join(repo('s'), 'AGENTS.md')).isDirectory()).toBe(true);
    await prepare('s');
    expect(read('s', 'AGENTS.md')).toBe('the rules');
  });

  it('uses its own rules where the template has none', async () => {
    rmSync(join(template, 'AGENTS.md'));
    await prepare('s');
    expect(read('s', 'AGENTS.md')).toContain('projects/memory.md');
  });

  it.each([
    ['a folder', (path: string) => mkdirSync(path)],
    ['a link that leads nowhere', (path: string) => symlinkSync('/nowhere/at/all', path)],
    ['a FIFO', (path: string) => void execFileSync('mkfifo', [path])],
    ['5000000 bytes long', (path: string) => writeFileSync(path, Buffer.alloc(5_000_000))],
  ])('never puts other rules in the place of rules that are %s', async (found, plant) => {
    await prepare('s');
    rmSync(join(template, 'AGENTS.md'));
    plant(join(template, 'AGENTS.md'));
    await expect(prepare('s')).rejects.toMatchObject({
      code: 'workspace_failed',
      detail: expect.stringContaining(`template of workspaces is ${found}; the administrator`),
    });
    expect(read('s', 'AGENTS.md')).toBe('the rules');
  });

  it('says what in the template it cannot copy', async () => {
    symlinkSync('/nowhere/at/all', join(template, 'tools', 'bad'));
    await expect(prepare('s')).rejects.toMatchObject({
      code: 'workspace_failed',
      detail:
        '"tools/bad" in the template of workspaces is a symbolic link that cannot be copied; the administrator has to remove it.',
    });
  });

  it('touches nothing for a run that was stopped before', async () => {
    const stop = new AbortController();
    stop.abort(new Error('gone'));
    await expect(prepare('s', { signal: stop.signal })).rejects.toThrow('gone');
    expect(readdirSync(join(home, 'workspaces'))).toEqual([]);
  });

  it('lets the alias of the active provider alone point to the rules', async () => {
    await prepare('s', { providerId: 'claude' });
    expect(readlinkSync(join(repo('s'), 'CLAUDE.md'))).toBe('AGENTS.md');
    await prepare('s', { providerId: 'gemini' });
    expect(existsSync(join(repo('s'), 'CLAUDE.md'))).toBe(false);
    expect(readlinkSync(join(repo('s'), 'GEMINI.md'))).toBe('AGENTS.md');
    writeFileSync(join(repo('s'), 'CLAUDE.md'), 'my own');
    await prepare('s', { providerId: 'codex' });
    expect(existsSync(join(repo('s'), 'GEMINI.md'))).toBe(false);
    expect(read('s', 'CLAUDE.md')).toBe('my own');
    await prepare('s', { providerId: 'claude' });
    expect(read('s', 'CLAUDE.md')).toBe('the rules');
  });

  it('gives other names to what a CLI would start programs from, and loses nothing', async () => {
    const putAway = ['.tool', 'tool.json', 'tool.jsonc', 'missing'];
    const found = (name: string) =>
      readdirSync(repo('s')).filter((it) => it.startsWith(`${name}.put-away-`));
    await prepare('s', { putAway });
    for (let run = 1; run <= 2; run += 1) {
      mkdirSync(join(repo('s'), '.tool'));
      writeFileSync(join(repo('s'), '.tool', 'plugin.js'), `plugin ${run}`);
      writeFileSync(join(repo('s'), 'tool.json'), 'settings');
      symlinkSync('/etc/hostname', join(repo('s'), 'tool.jsonc'));
      await prepare('s', { putAway });
      expect(putAway.filter((name) => existsSync(join(repo('s'), name)))).toEqual([]);
      expect([found('.tool'), found('tool.json')].map(({ length }) => length)).toEqual([run, run]);
      expect(found('tool.jsonc')).toEqual([]);
    }
    expect(
      found('.tool')
        .map((name) => read('s', join(name, 'plugin.js')))
        .sort(),
    ).toEqual(['plugin 1', 'plugin 2']);
    // For any other CLI they stay.
    writeFileSync(join(repo('s'), 'tool.json'), 'settings');
    await prepare('s');
    expect(read('s', 'tool.json')).toBe('settings');
  });

  it('makes the alias that a provider of the providers file wants, also one that others have', async () => {
    const file = join(home, 'providers.json');
    const provider = (alias: string) => ({
      binary: 'x',
      args: { bypass: [] },
      instructions_alias: alias,
    });
    const providers = { acme: provider('ACME.md'), other: provider('CLAUDE.md') };
    writeFileSync(file, JSON.stringify({ providers }));
    const config = loadConfig({
      FERMILINK_HOME: home,
      FERMILINK_SOFTWARE_ROOT: template,
      FERMILINK_PROVIDERS_FILE: file,
      PATH: process.env.PATH,
    });
    await workspaces.dispose();
    workspaces = new WorkspacesFixture(config);
    const aliases = () => readdirSync(repo('s')).filter((it) => /^[A-Z]+\.md$/.test(it));
    await prepare('s', { providerId: 'acme' });
    expect(aliases()).toEqual(['ACME.md', 'AGENTS.md']);
    for (const providerId of ['other', 'claude']) {
      await prepare('s', { providerId });
      expect(aliases()).toEqual(['AGENTS.md', 'CLAUDE.md']);
    }
  });

  it('leaves a repository alone, also one that a .git file points to, and replaces a broken one', async () => {
    await prepare('s');
    writeFileSync(join(repo('s'), '.git', 'mark'), '');
    await prepare('s');
    expect(existsSync(join(repo('s'), '.git', 'mark'))).toBe(true);
    rmSync(join(repo('s'), '.git', 'HEAD'));
    await prepare('s');
    const kept = readdirSync(repo('s')).filter((name) => name.startsWith('.git-broken-'));
    expect(kept).toHaveLength(1);
    expect(existsSync(join(repo('s'), kept[0]!, 'mark'))).toBe(true);
    rmSync(join(repo('s'), '.git'), { recursive: true });
    writeFileSync(join(repo('s'), '.git'), 'gitdir: /elsewhere\n');
    await prepare('s');
    expect(read('s', '.git')).toBe('gitdir: /elsewhere\n');
    writeFileSync(join(repo('s'), '.git'), 'nonsense');
    await prepare('s');
    expect(lstatSync(join(repo('s'), '.git')).isDirectory()).toBe(true);
  });

  it('never runs git with what an agent could have written', async () => {
    const marker = join(home, 'ran');
    const hostile = join(home, 'hostile');
    mkdirSync(join(hostile, 'hooks'), { recursive: true });
    writeFileSync(join(hostile, 'hooks', 'post-checkout'), `#!/bin/sh\ntouch ${marker}\n`, {
      mode: 0o755,
    });
    process.env.GIT_TEMPLATE_DIR = hostile;
    try {
      await prepare('s');
    } finally {
      delete process.env.GIT_TEMPLATE_DIR;
    }
    expect(existsSync(join(repo('s'), '.git', 'hooks', 'post-checkout'))).toBe(false);
  });

  it('removes what a crash has left, and is whole after a stop at any step', async () => {
    mkdirSync(join(home, 'workspaces', 's', '.repo-unfinished', 'half'), { recursive: true });
    await prepare('s');
    expect(readdirSync(join(home, 'workspaces', 's'))).toEqual(['repo']);
    for (let step = 0; ; step += 1) {
      const session = `t${step}`;
      // A signal that is aborted at the n-th time somebody looks at it.
      let looks = 0;
      const signal = new AbortController().signal;
      signal.throwIfAborted = () => {
        if (looks === step) throw new Error('stopped');
        looks += 1;
      };
      const descriptors = readdirSync('/proc/self/fd').length;
      const stopped = await prepare(session, { signal }).then(
        () => false,
        () => true,
      );
      expect(readdirSync('/proc/self/fd')).toHaveLength(descriptors);
      await prepare(session);
      expect(readdirSync(repo(session)).sort()).toEqual(readdirSync(repo('s')).sort());
      if (!stopped) {
        expect(step).toBeGreaterThan(3);
        break;
      }
    }
  });

  it('does not hold up the event loop with a template of 20 MB in 2,000 files', async () => {
    for (let i = 0; i < 2000; i += 1) {
      if (i % 100 === 0) mkdirSync(join(template, `d${i / 100}`));
      writeFileSync(join(template, `d${Math.floor(i / 100)}`, `f${i}`), Buffer.alloc(10_000, i));
    }
    await prepare('warm');
    const delay = monitorEventLoopDelay({ resolution: 5 });
    delay.enable();
    await Promise.all(['a', 'b', 'c'].map((session) => prepare(session)));
    delay.disable();
    expect(readdirSync(join(repo('c'), 'd19'))).toHaveLength(100);
    expect(delay.max / 1e6).toBeLessThan(200);
  });
});
