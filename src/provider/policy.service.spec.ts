import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type PolicyOverrides, RunnerConfig } from '../config/runner-config.js';
import { PolicyService } from './policy.service.js';

const NO_OVERRIDES: PolicyOverrides = {
  provider: null,
  sandboxPolicy: null,
  sandboxMode: null,
  model: null,
  reasoningEffort: null,
};
const DEFAULTS = {
  provider: 'codex',
  sandboxPolicy: 'enforce',
  sandboxMode: 'workspace-write',
  model: null,
  reasoningEffort: null,
};

let folder: string;
let file: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'fermilink-policy-'));
  file = join(folder, 'agent_runtime.json');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function service(overrides: Partial<PolicyOverrides> = {}): PolicyService {
  const policyOverrides = { ...NO_OVERRIDES, ...overrides };
  return new PolicyService(new RunnerConfig({ policyFile: file, policyOverrides } as RunnerConfig));
}

/** Puts the file in place in one step, as an administrator's tool does. */
async function put(content: unknown): Promise<void> {
  await writeFile(`${file}.new`, typeof content === 'string' ? content : JSON.stringify(content));
  await rename(`${file}.new`, file);
}

describe('the policy file', () => {
  it('is not needed: the defaults hold', async () => {
    expect(await service().current()).toEqual(DEFAULTS);
    expect(await service().problem()).toBeNull();
  });

  it('is read whole', async () => {
    await put({
      version: 1,
      provider: ' Claude ',
      sandbox_policy: 'BYPASS',
      sandbox_mode: 'read-only',
      model: ' opus-5/x:1 ',
      reasoning_effort: 'xhigh',
      updated_at: '2026-01-01T00:00:00Z',
      something_new: [1],
    });
    expect(await service().current()).toEqual({
      provider: 'claude',
      sandboxPolicy: 'bypass',
      sandboxMode: 'read-only',
      model: 'opus-5/x:1',
      reasoningEffort: 'xhigh',
    });
  });

  it('leaves empty, null and absent members to the defaults', async () => {
    await put({ provider: '', sandbox_policy: null, model: '  ', reasoning_effort: '' });
    expect(await service().current()).toEqual(DEFAULTS);
  });

  it('may name a provider that this runner does not have', async () => {
    await put({ provider: 'somebody_elses-2' });
    expect((await service().current()).provider).toBe('somebody_elses-2');
    expect(await service().problem()).toBeNull();
  });

  it('yields to the environment, member by member', async () => {
    await put({ provider: 'claude', sandbox_mode: 'read-only', model: 'opus' });
    const policy = await service({ provider: 'gemini', reasoningEffort: 'low' }).current();
    expect(policy).toEqual({
      ...DEFAULTS,
      provider: 'gemini',
      sandboxMode: 'read-only',
      model: 'opus',
      reasoningEffort: 'low',
    });
  });

  it('is read anew for every run', async () => {
    const policies = service();
    for (const mode of ['read-only', 'workspace-write', 'read-only']) {
      await put({ sandbox_mode: mode });
      expect((await policies.current()).sandboxMode).toBe(mode);
    }
    await rm(file);
    expect(await policies.current()).toEqual(DEFAULTS);
  });

  it('may be a link of the administrator', async () => {
    await writeFile(join(folder, 'real.json'), '{"sandbox_mode": "read-only"}');
    await symlink('real.json', file);
    expect((await service().current()).sandboxMode).toBe('read-only');
  });
});

const INVALID: [content: unknown, said: string][] = [
  ['', 'not JSON'],
  ['{"provider": "codex"', 'not JSON'],
  ['null', 'not a JSON object'],
  ['["codex"]', 'not a JSON object'],
  ['"codex"', 'not a JSON object'],
  [{ version: 2 }, '"version"'],
  [{ version: '1' }, '"version"'],
  [{ provider: 7 }, '"provider"'],
  [{ provider: '../codex' }, '"provider"'],
  [{ provider: '-codex' }, '"provider"'],
  [{ provider: 'two words' }, '"provider"'],
  [{ sandbox_policy: 'enforced' }, '"sandbox_policy"'],
  [{ sandbox_policy: true }, '"sandbox_policy"'],
  [{ sandbox_mode: 'danger-full-access' }, '"sandbox_mode"'],
  [{ sandbox_mode: ['read-only'] }, '"sandbox_mode"'],
  [{ model: {} }, '"model"'],
  [{ model: '--dangerously-bypass-approvals-and-sandbox' }, '"model"'],
  [{ model: 'two words' }, '"model"'],
  [{ model: 'a\u0000b' }, '"model"'],
  [{ model: 'm'.repeat(201) }, '"model"'],
  [{ reasoning_effort: 'extreme' }, '"reasoning_effort"'],
  [{ reasoning_effort: 3 }, '"reasoning_effort"'],
];

describe('an invalid policy file', () => {
  it.each(INVALID)('%j stops runs, and the sentence says %s', async (content, said) => {
    await put(content);
    const policies = service();
    await expect(policies.current()).rejects.toMatchObject({
      code: 'policy_invalid',
      detail: expect.stringContaining(said),
    });
    expect(await policies.problem()).toContain(said);
  });

  it('may be a link that leads nowhere: that is not the same as no file', async () => {
    const policies = service();
    await symlink('real.json', file);
    await expect(policies.current()).rejects.toMatchObject({ code: 'policy_invalid' });
    await writeFile(join(folder, 'real.json'), '{"sandbox_mode": "read-only"}');
    await policies.current();
    await rm(join(folder, 'real.json'));
    expect((await policies.current()).sandboxMode).toBe('read-only');
    expect(await policies.problem()).toContain('a link that leads nowhere');
  });

  it('leaves the last valid policy in force and is still called invalid', async () => {
    const policies = service();
    await put({ sandbox_mode: 'read-only' });
    await policies.current();
    for (const [content] of INVALID) {
      await put(content);
      expect((await policies.current()).sandboxMode).toBe('read-only');
      expect(await policies.problem()).not.toBeNull();
    }
    await put({ sandbox_mode: 'workspace-write' });
    expect((await policies.current()).sandboxMode).toBe('workspace-write');
    expect(await policies.problem()).toBeNull();
  });

  it('leaves in force what only readiness has read', async () => {
    const policies = service();
    await put({ sandbox_mode: 'read-only' });
    expect(await policies.problem()).toBeNull();
    await put('{');
    expect((await policies.current()).sandboxMode).toBe('read-only');
  });

  it('stays invalid where the environment overrides the bad member', async () => {
    await put({ provider: 'codex', sandbox_mode: 'anything' });
    const policies = service({ sandboxMode: 'read-only' });
    await expect(policies.current()).rejects.toMatchObject({ code: 'policy_invalid' });
  });

  it.each([
    ['a folder', () => mkdir(file)],
    ['a FIFO', () => Promise.resolve(execFileSync('mkfifo', [file]))],
    [
      'larger than any policy',
      async () => {
        await writeFile(file, '{}');
        await truncate(file, 3_000_000_000);
      },
    ],
    ['a link in a circle', () => symlink(file, file)],
    ['a device', () => symlink('/dev/zero', file)],
  ])('is what is %s', async (_what, make) => {
    await make();
    const policies = service();
    const error: unknown = await policies.current().catch((it: unknown) => it);
    expect(error).toMatchObject({ code: 'policy_invalid' });
    expect((error as Error).message).not.toContain(folder);
  });
});

describe('the policy of a run', () => {
  it.each([
    ['workspace-write', null, 'workspace-write'],
    ['workspace-write', 'read-only', 'read-only'],
    ['workspace-write', '  Read-Only ', 'read-only'],
    ['workspace-write', 'workspace-write', 'workspace-write'],
    ['workspace-write', 'danger-full-access', 'workspace-write'],
    ['read-only', 'workspace-write', 'read-only'],
    ['read-only', 'bypass', 'read-only'],
    ['read-only', '', 'read-only'],
  ])('%s, where the request says %j, is %s', async (configured, requested, mode) => {
    await put({ sandbox_mode: configured });
    const policy = await service().forRun(requested);
    expect(policy).toEqual({ ...DEFAULTS, sandboxMode: mode });
  });

  it.each([[null], ['read-only'], ['workspace-write']])(
    'has no sandbox mode under bypass, whatever the request says (%j)',
    async (requested) => {
      await put({ sandbox_policy: 'bypass', sandbox_mode: 'read-only' });
      expect(await service().forRun(requested)).toMatchObject({
        sandboxPolicy: 'bypass',
        sandboxMode: null,
      });
    },
  );
});
