import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { chmod, lstat, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { basesIn, CODEX } from '../../test/support/agent-settings.js';
import { lockFile } from '../common/file-lock.js';
import { createLogger } from '../common/logger.js';
import type { ProviderDefinition } from '../config/provider-definition.js';
import { type PolicyOverrides, RunnerConfig } from '../config/runner-config.js';
import { AdapterRegistry } from '../provider/adapter-registry.js';
import type { StoredPolicy } from '../provider/policy.js';
import { PolicyService } from '../provider/policy.service.js';
import { ProgramService } from '../provider/program.service.js';
import { PolicyCheck } from './policy-check.service.js';
import { PolicyEditor } from './policy-editor.service.js';

const NONE: StoredPolicy = {
  provider: null,
  sandbox_policy: null,
  sandbox_mode: null,
  model: null,
  reasoning_effort: null,
};
const NO_OVERRIDES: PolicyOverrides = {
  provider: null,
  sandboxPolicy: null,
  sandboxMode: null,
  model: null,
  reasoningEffort: null,
};
/** A CLI of the administrator that can only be started where it may write. */
const WRITER: ProviderDefinition = {
  id: 'writer',
  binary: '/bin/sh',
  args: { 'workspace-write': ['-c', 'cat'] },
  prompt: 'stdin',
  slashCommands: false,
  environment: { families: [], set: {} },
  stopSignal: 'SIGTERM',
  instructionsAlias: null,
  readingId: 'text',
  credentials: null,
};

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'fermilink-policy-'));
  file = join(folder, 'home', 'agent_runtime.json');
  mkdirSync(join(folder, 'home'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

interface Setting {
  overrides?: Partial<PolicyOverrides>;
  binaries?: RunnerConfig['binaries'];
}

function editor({ overrides = {}, binaries = { codex: '/bin/sh' } }: Setting = {}) {
  const config = new RunnerConfig({
    policyFile: file,
    policyOverrides: { ...NO_OVERRIDES, ...overrides },
    binaries,
    codex: CODEX,
    agentBases: basesIn(folder),
    providers: [WRITER],
    environment: { PATH: '/nowhere' },
  } as unknown as RunnerConfig);
  const policies = new PolicyService(config);
  const adapters = new AdapterRegistry(config);
  const programs = new ProgramService(config, adapters, policies);
  const check = new PolicyCheck(config, adapters, programs);
  return new PolicyEditor(createLogger(), config, policies, check);
}

const put = (
  it: PolicyEditor,
  policy: Partial<StoredPolicy>,
  ifMatch: string | undefined = undefined,
) => it.change({ policy: { ...NONE, ...policy }, ifMatch, by: 'ann' });

const stored = async () => JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>;

describe('the shown policy', () => {
  it('is that of the defaults where nothing is stored', async () => {
    expect((await editor().show()).answer).toEqual({
      stored: null,
      effective: {
        provider: 'codex',
        sandbox_policy: 'enforce',
        sandbox_mode: 'workspace-write',
        model: null,
        reasoning_effort: null,
      },
      overridden_by_environment: [],
      updated_at: null,
      problem: null,
    });
  });

  it('tells what is stored from what the environment makes of it', async () => {
    await writeFile(file, '{"sandbox_mode": "READ-ONLY", "model": "m", "updated_at": "then"}');
    const overrides = { provider: 'writer', model: 'other', sandboxPolicy: 'bypass' as const };
    const { answer } = await editor({ overrides }).show();
    expect(answer).toMatchObject({
      stored: { ...NONE, sandbox_mode: 'read-only', model: 'm' },
      effective: { provider: 'writer', model: 'other', sandbox_mode: null },
      overridden_by_environment: ['provider', 'sandbox_policy', 'model'],
      updated_at: 'then',
    });
  });

  it('says what is wrong with the file, and what holds meanwhile', async () => {
    const it = editor();
    await writeFile(file, '{"sandbox_mode": "read-only"}');
    await it.show();
    await writeFile(file, '{"sandbox_mode": "anything"}');
    const { answer } = await it.show();
    expect(answer).toMatchObject({ stored: null, effective: { sandbox_mode: 'read-only' } });
    expect(answer.problem).toContain('"sandbox_mode" must be one of');
    // A server that has never seen a valid one starts no run.
    expect((await editor().show()).answer.effective).toBeNull();
  });

  it('has a tag that changes with it and with nothing else', async () => {
    const it = editor();
    const none = (await it.show()).tag;
    await writeFile(file, '{"model": "a"}');
    const a = (await it.show()).tag;
    await writeFile(file, '{"model": "a", "unknown": 1}');
    const unknown = (await it.show()).tag;
    expect(new Set([none, a, unknown]).size).toBe(3);
    expect((await it.show()).tag).toBe(unknown);
    await writeFile(file, '{"model": "a"}');
    expect((await it.show()).tag).toBe(a);
  });
});

describe('a change of the policy', () => {
  it('is stored whole, and holds from then on', async () => {
    const it = editor();
    const before = Date.now();
    const { answer, tag } = await put(it, { sandbox_mode: 'read-only', model: 'm' });
    expect(answer).toMatchObject({
      stored: { ...NONE, sandbox_mode: 'read-only', model: 'm' },
      effective: { sandbox_mode: 'read-only' },
    });
    expect(Date.parse(answer.updated_at!)).toBeGreaterThanOrEqual(before);
    expect(await stored()).toEqual({
      version: 1,
      ...NONE,
      sandbox_mode: 'read-only',
      model: 'm',
      updated_at: answer.updated_at,
    });
    expect((await it.show()).tag).toBe(tag);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(await readdir(join(folder, 'home'))).toEqual([
      '.agent_runtime.lock',
      'agent_runtime.json',
    ]);
  });

  it('keeps what others have written into the file, and its permissions', async () => {
    await writeFile(file, '{"theirs": {"a": [1]}, "__proto__": 5, "model": "old", "version": 1}');
    await chmod(file, 0o640);
    await put(editor(), { model: 'new' });
    const text = await readFile(file, 'utf8');
    expect(JSON.parse(text)).toMatchObject({ theirs: { a: [1] }, model: 'new' });
    expect(text).toContain('"__proto__": 5');
    expect(statSync(file).mode & 0o777).toBe(0o640);
  });

  it.each([
    ['{"sandbox_mode": "anything", "theirs": 1, "version": 7}', { theirs: 1, version: 1 }],
    ['{"provider"', { version: 1 }],
    ['[1]', { version: 1 }],
    ['', { version: 1 }],
  ])('mends %j', async (content, kept) => {
    await writeFile(file, content);
    const { answer } = await put(editor(), { sandbox_mode: 'read-only' });
    expect(answer).toMatchObject({ problem: null, effective: { sandbox_mode: 'read-only' } });
    expect(await stored()).toEqual({
      ...NONE,
      ...kept,
      sandbox_mode: 'read-only',
      updated_at: answer.updated_at,
    });
  });

  it('passes only where nothing has changed since it was read, if it says so', async () => {
    const it = editor();
    const { tag } = await it.show();
    const { tag: next } = await put(it, { model: 'a' }, tag);
    for (const stale of [tag, '"x"', 'x', '']) {
      await expect(put(it, { model: 'b' }, stale)).rejects.toMatchObject({
        code: 'precondition_failed',
      });
    }
    expect(await stored()).toMatchObject({ model: 'a' });
    await put(it, { model: 'c' }, `"x", W/${next}`);
    await put(it, { model: 'd' }, '*');
    expect(await stored()).toMatchObject({ model: 'd' });
  });

  it('of two that have read the same, takes one', async () => {
    const [one, other] = [editor(), editor()];
    const { tag } = await one.show();
    const results = await Promise.allSettled(
      [one, other, one, other].map((it, index) => put(it, { model: `m${index}` }, tag)),
    );
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(results.filter(({ status }) => status === 'rejected')).toHaveLength(3);
  });

  it('waits for another program that changes it, but not for ever', async () => {
    const lock = await lockFile(join(folder, 'home', '.agent_runtime.lock'), 1);
    await expect(put(editor(), { model: 'a' })).rejects.toMatchObject({ code: 'policy_busy' });
    const waiting = put(editor(), { model: 'b' });
    await lock!.release();
    await waiting;
    expect(await stored()).toMatchObject({ model: 'b' });
  });
});

describe('a policy under which no run could start', () => {
  const messageOf = async (setting: Setting, policy: Partial<StoredPolicy>) => {
    const error: unknown = await put(editor(setting), policy).catch((it: unknown) => it);
    expect(error).toMatchObject({ code: 'invalid_request' });
    await expect(stored()).rejects.toMatchObject({ code: 'ENOENT' });
    return (error as Error).message;
  };

  it('names a provider that there is not', async () => {
    expect(await messageOf({}, { provider: 'nobody' })).toMatch(
      /provider must be one of: codex, claude, .*writer/,
    );
  });

  it('names a mode in which the provider cannot be started', async () => {
    const said = await messageOf({}, { provider: 'writer', sandbox_mode: 'read-only' });
    expect(said).toContain('"writer" cannot be started in the mode "read-only"');
    expect(await messageOf({}, { provider: 'writer', sandbox_policy: 'bypass' })).toContain(
      'the mode "bypass"',
    );
    await put(editor(), { provider: 'writer' });
  });

  it('names one that the environment makes so', async () => {
    const overrides = { provider: 'writer' };
    const said = await messageOf({ overrides }, { provider: 'codex', sandbox_mode: 'read-only' });
    expect(said).toContain('sandbox_mode does not suit the provider');
  });

  it('names a provider whose program is not there, with the variable that names it', async () => {
    expect(await messageOf({ binaries: {} }, { provider: 'claude' })).toContain(
      'FERMILINK_CLAUDE_BIN',
    );
    expect(await messageOf({ binaries: {} }, {})).toContain('FERMILINK_CODEX_BIN');
    // Where the environment has chosen another one, that one counts.
    await put(editor({ binaries: {}, overrides: { provider: 'gemini' } }), { model: 'm' });
  });
});

describe('what stands in the place of the file', () => {
  const target = () => join(folder, 'target');

  it('may be a link to a policy: that is changed, and the link stays', async () => {
    await writeFile(target(), '{"model": "old", "theirs": 1}');
    await chmod(target(), 0o644);
    await symlink(target(), file);
    await put(editor(), { model: 'new' });
    expect((await lstat(file)).isSymbolicLink()).toBe(true);
    expect(JSON.parse(await readFile(target(), 'utf8'))).toMatchObject({ model: 'new', theirs: 1 });
    expect(statSync(target()).mode & 0o777).toBe(0o644);
  });

  it.each(['alias ll="ls -l"', '{"version": "2.0", "name": "a package"}', '{"tokens": []}'])(
    'is left alone where it is a link to what is no policy: %s',
    async (content) => {
      await writeFile(target(), content);
      await symlink(target(), file);
      await expect(put(editor(), {})).rejects.toMatchObject({ code: 'policy_unwritable' });
      expect(await readFile(target(), 'utf8')).toBe(content);
    },
  );

  it.each([
    ['a link that leads nowhere', () => symlink(target(), file)],
    ['a folder', () => mkdir(file)],
    ['a FIFO', () => Promise.resolve(execFileSync('mkfifo', [file]))],
    ['a device', () => symlink('/dev/zero', file)],
  ])('is left alone where it is %s', async (_what, make) => {
    await make();
    const before = await lstat(file);
    const error: unknown = await put(editor(), {}).catch((it: unknown) => it);
    expect(error).toMatchObject({ code: 'policy_unwritable' });
    expect((error as Error).message).not.toContain(folder);
    expect((await lstat(file)).ino).toBe(before.ino);
    await expect(lstat(target())).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
