import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '../../test/support/processes.js';
import { createLogger } from '../common/logger.js';
import { RunnerConfig } from '../config/runner-config.js';
import { FileSessionOwners } from '../tenancy/file-session-owners.js';
import { SessionQuota } from './session-quota.service.js';
import { SessionSizes } from './session-sizes.service.js';

const MIB = 1024 * 1024;

let folder: string;
let owners: FileSessionOwners;
const made: SessionSizes[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'fermilink-sizes-'));
  mkdirSync(join(folder, 'workspaces'));
  owners = new FileSessionOwners(join(folder, 'owners'));
});
afterEach(() => {
  for (const sizes of made.splice(0)) sizes.onModuleDestroy();
  rmSync(folder, { recursive: true });
});

function server({ session = 0, user = 0 } = {}) {
  const config = new RunnerConfig({
    runtimeRoot: folder,
    workspacesRoot: join(folder, 'workspaces'),
    sessions: {
      quotaBytes: session || null,
      userQuotaBytes: user || null,
      removeAfterDays: null,
      isDryRun: false,
    },
  } as RunnerConfig);
  const sizes = new SessionSizes(createLogger(), owners, config);
  made.push(sizes);
  return { sizes, quota: new SessionQuota(config, sizes) };
}

/** Lets a session have a file of so many MiB. */
function fill(id: string, mib: number): void {
  mkdirSync(join(folder, 'workspaces', id, 'repo'), { recursive: true });
  writeFileSync(join(folder, 'workspaces', id, 'repo', 'f'), Buffer.alloc(mib * MIB, 1));
}

const untilMib = (sizes: SessionSizes, id: string, mib: number | null) =>
  eventually(
    () => sizes.bytesOf(id),
    (it) => (it === null ? null : Math.floor(it / MIB)) === mib,
    10,
  );
const untilOwnerMib = (sizes: SessionSizes, owner: string, mib: number) =>
  eventually(
    () => sizes.bytesOfOwner(owner),
    (it) => Math.floor(it / MIB) === mib,
    10,
  );

describe('the sizes of sessions', () => {
  it('are found when they may have changed', async () => {
    const { sizes } = server({ session: MIB });
    fill('a', 2);
    sizes.changed('a');
    await untilMib(sizes, 'a', 2);
    fill('a', 1);
    sizes.changed('a');
    await untilMib(sizes, 'a', 1);
  });

  it('are the last ones, however often a session changes meanwhile', async () => {
    const { sizes } = server({ session: MIB });
    for (let index = 1; index <= 30; index += 1) {
      fill('a', index % 7);
      sizes.changed('a');
    }
    await untilMib(sizes, 'a', 30 % 7);
  });

  it('are known to the next server at once, and those that nobody has found are found', async () => {
    const first = server({ session: MIB }).sizes;
    fill('a', 1);
    first.changed('a');
    await untilMib(first, 'a', 1);
    first.onModuleDestroy();
    fill('b', 2);
    const next = server({ session: MIB }).sizes;
    expect(Math.floor(next.bytesOf('a')! / MIB)).toBe(1);
    await next.takeUp();
    await untilMib(next, 'b', 2);
  });

  it('are found anew where a server died before it looked, or there was no quota', async () => {
    const first = server({ session: MIB }).sizes;
    fill('a', 1);
    first.changed('a');
    await untilMib(first, 'a', 1);
    const without = server().sizes;
    fill('a', 3);
    without.changed('a');
    const next = server({ session: MIB }).sizes;
    await next.takeUp();
    await untilMib(next, 'a', 3);
  });

  it('add up for each owner', async () => {
    const { sizes } = server({ user: MIB });
    for (const [id, owner] of [
      ['a', 'user:ann'],
      ['b', 'user:ann'],
      ['c', 'user:bob'],
    ] as const) {
      await owners.claim(id, owner);
      fill(id, 2);
      sizes.changed(id);
    }
    fill('d', 5);
    sizes.changed('d');
    await untilOwnerMib(sizes, 'user:ann', 4);
    await untilOwnerMib(sizes, 'user:bob', 2);
    fill('a', 1);
    sizes.changed('a');
    await untilOwnerMib(sizes, 'user:ann', 3);
    sizes.forget('b');
    await untilOwnerMib(sizes, 'user:ann', 1);
    // One that nobody had is claimed later.
    await owners.claim('d', 'user:bob');
    sizes.changed('d');
    await untilOwnerMib(sizes, 'user:bob', 7);
    const next = server({ user: MIB }).sizes;
    await next.takeUp();
    expect(Math.floor(next.bytesOfOwner('user:bob') / MIB)).toBe(7);
  });

  it('go with their sessions', async () => {
    const { sizes } = server({ session: MIB });
    fill('a', 1);
    sizes.changed('a');
    await untilMib(sizes, 'a', 1);
    rmSync(join(folder, 'workspaces', 'a'), { recursive: true });
    sizes.changed('a');
    await untilMib(sizes, 'a', null);
    expect(sizes.activeAt('a')).toBeNull();
  });

  it('are not looked for where there is no quota; when a session was used is noted', async () => {
    const { sizes } = server();
    fill('a', 1);
    const before = new Date().toISOString();
    sizes.changed('a');
    await sizes.takeUp();
    expect(sizes.activeAt('a')! >= before).toBe(true);
    expect(sizes.bytesOf('a')).toBeNull();
    expect(JSON.parse(readFileSync(join(folder, 'usage', 'a.json'), 'utf8'))).toMatchObject({
      bytes: null,
    });
  });

  it('are not those of a link in the place of a session, and nothing else suffers from it', async () => {
    const { sizes } = server({ session: MIB });
    mkdirSync(join(folder, 'elsewhere', 'repo'), { recursive: true });
    writeFileSync(join(folder, 'elsewhere', 'repo', 'f'), Buffer.alloc(3 * MIB, 1));
    symlinkSync('../elsewhere', join(folder, 'workspaces', 'a'));
    writeFileSync(join(folder, 'workspaces', 'b'), '');
    fill('c', 1);
    for (const id of ['a', 'b', 'c']) sizes.changed(id);
    await untilMib(sizes, 'c', 1);
    expect([sizes.bytesOf('a'), sizes.bytesOf('b')]).toEqual([null, null]);
  });

  it('survive records that are torn', async () => {
    const { sizes } = server({ session: MIB });
    fill('a', 1);
    mkdirSync(join(folder, 'usage'));
    for (const text of ['{"bytes": "7"', '{"bytes": -1e99, "active_at": "never"}', '[]', '']) {
      writeFileSync(join(folder, 'usage', 'a.json'), text);
      expect([sizes.bytesOf('a'), sizes.activeAt('a')]).toEqual([null, null]);
    }
    await sizes.takeUp();
    await untilMib(sizes, 'a', 1);
  });
});

describe('the quota', () => {
  it('of a session holds against that session alone', async () => {
    const { sizes, quota } = server({ session: 2 * MIB });
    fill('a', 3);
    fill('b', 1);
    for (const id of ['a', 'b']) sizes.changed(id);
    await untilMib(sizes, 'a', 3);
    await untilMib(sizes, 'b', 1);
    expect(() => quota.require('a', 'user:ann')).toThrow(/files of the session take 3\d{6} bytes/);
    quota.require('b', 'user:ann');
    quota.require('new', 'session:new');
  });

  it('of a user holds against all sessions of that user', async () => {
    const { sizes, quota } = server({ user: 2 * MIB });
    for (const id of ['a', 'b']) {
      await owners.claim(id, 'user:ann');
      fill(id, 2);
      sizes.changed(id);
    }
    await untilOwnerMib(sizes, 'user:ann', 4);
    expect(() => quota.require('new', 'user:ann')).toThrow(/this user's sessions take 4\d{6}/);
    expect(() => quota.require('a', 'user:ann')).toThrow();
    quota.require('new', 'user:bob');
    quota.require('a', 'session:a');
  });
});
