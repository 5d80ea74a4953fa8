import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { ActingCaller, type UserSource } from './acting-caller.js';
import { FileSessionOwners } from './file-session-owners.js';
import { SessionAccess } from './session-access.js';
import { SessionClaims } from './session-claims.js';

const caller = (userId: string | null, source: UserSource = userId === null ? null : 'header') =>
  new ActingCaller('token:web', userId, source);
const ADA = caller('ada');
const BOB = caller('bob');
const unused = () => Promise.resolve(false);
const used = () => Promise.resolve(true);

describe('a claim to a session', () => {
  let folder: string;
  let owners: FileSessionOwners;
  let claims: SessionClaims;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'fermilink-test-'));
    owners = new FileSessionOwners(folder);
    claims = new SessionClaims(new SessionAccess(owners), owners);
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('holds when it is kept', async () => {
    const claim = await claims.claim(ADA, 's', unused);
    expect(owners.ownerOf('s')).toBe('user:ada');
    claim.keep();
    claim.release();
    expect(owners.ownerOf('s')).toBe('user:ada');
    await expect(claims.claim(BOB, 's', unused)).rejects.toMatchObject({
      code: 'session_not_found',
    });
  });

  it('leaves nothing when it is not', async () => {
    (await claims.claim(ADA, 's', unused)).release();
    expect(owners.ownerOf('s')).toBeNull();
    (await claims.claim(BOB, 's', unused)).release();
  });

  it('of a later run that is refused takes nothing away', async () => {
    const first = await claims.claim(ADA, 's', unused);
    first.keep();
    first.release();
    (await claims.claim(ADA, 's', unused)).release();
    expect(owners.ownerOf('s')).toBe('user:ada');
  });

  it('of the same user meanwhile keeps it, whichever of the two is refused', async () => {
    for (const refusedFirst of [true, false]) {
      const session = `s${refusedFirst}`;
      const [a, b] = [
        await claims.claim(ADA, session, unused),
        await claims.claim(ADA, session, unused),
      ];
      if (refusedFirst) a.release();
      b.keep();
      b.release();
      if (!refusedFirst) a.release();
      expect(owners.ownerOf(session)).toBe('user:ada');
    }
  });

  it('that is kept while another is still being made safe stays', async () => {
    for (let at = 0; at < 20; at += 1) {
      const first = claims.claim(ADA, `s${at}`, unused);
      while (owners.ownerOf(`s${at}`) === null) await nextTurn();
      const second = await claims.claim(ADA, `s${at}`, unused);
      second.keep();
      second.release();
      (await first).release();
      expect(owners.ownerOf(`s${at}`)).toBe('user:ada');
    }
  });

  it('of others meanwhile fails, and changes nothing', async () => {
    const first = await claims.claim(ADA, 's', unused);
    await expect(claims.claim(BOB, 's', unused)).rejects.toMatchObject({
      code: 'session_not_found',
    });
    first.keep();
    first.release();
    expect(owners.ownerOf('s')).toBe('user:ada');
  });

  it('to what others have used is for those who may speak for anyone', async () => {
    const fixed = caller('ada', 'token');
    await expect(claims.claim(fixed, 's', used)).rejects.toMatchObject({
      code: 'session_not_found',
    });
    expect(owners.ownerOf('s')).toBeNull();
    (await claims.claim(ADA, 's', used)).keep();
    (await claims.claim(fixed, 's', used)).release();
  });

  it('of a token without a user makes that the owner; the platform may use all', async () => {
    (await claims.claim(caller(null), 's', unused)).keep();
    expect(owners.ownerOf('s')).toBe('token:web');
    await expect(claims.claim(ADA, 's', unused)).rejects.toMatchObject({
      code: 'session_not_found',
    });
    (await claims.claim(ADA, 't', unused)).keep();
    (await claims.claim(caller(null), 't', unused)).release();
    expect(owners.ownerOf('t')).toBe('user:ada');
  });

  it('waits while the session is taken from its owner, and is none of what was before', async () => {
    const first = await claims.claim(ADA, 's', unused);
    expect(claims.close('s')).toBeNull();
    first.keep();
    first.release();
    const open = claims.close('s')!;
    expect(claims.close('s')).toBeNull();
    const [hers, others] = [claims.claim(ADA, 's', unused), claims.claim(BOB, 't', unused)];
    (await others).release();
    owners.forget('s');
    open();
    (await hers).keep();
    expect(owners.ownerOf('s')).toBe('user:ada');
    open();
  });

  it('of nobody in particular leaves no owner', async () => {
    const nobody = new ActingCaller(null, null, null);
    (await claims.claim(nobody, 's', unused)).keep();
    expect(owners.ownerOf('s')).toBeNull();
    // While nothing is configured, a user_id is no wall.
    (await claims.claim(ADA, 't', unused)).keep();
    (await claims.claim(new ActingCaller(null, 'bob', 'request'), 't', unused)).release();
    await expect(
      claims.claim(new ActingCaller(null, 'bob', 'header'), 't', unused),
    ).rejects.toMatchObject({ code: 'session_not_found' });
  });
});
