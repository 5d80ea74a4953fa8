import { ended, newRecord } from '../../test/contract/run-store-fixture.js';
import { bodyOf, referenceOf } from './run-view.js';

describe('what is said of a run', () => {
  const record = newRecord();

  it('has its place while it waits, and its prompt where that is asked for', () => {
    const queue = { position: 2, pendingTotal: 5 };
    expect(bodyOf({ record, queue })).toEqual({
      run_id: record.id,
      session_id: 's',
      user_id: 'ann',
      state: 'queued',
      reason: null,
      code: null,
      detail: null,
      return_code: null,
      created_at: record.createdAt,
      started_at: null,
      ended_at: null,
      agent: null,
      package: null,
      metadata: record.order.metadata,
      last_event_id: 0,
      outcome: null,
      error: null,
      result_text: null,
      files: null,
      usage: null,
      position: 2,
      pending_total: 5,
    });
    expect(bodyOf({ record, queue: null })).not.toHaveProperty('position');
    expect(bodyOf({ record, queue: null })).not.toHaveProperty('prompt');
    expect(bodyOf({ record, queue: null }, true).prompt).toBe(record.order.prompt);
  });

  it('has the end of an ended run', () => {
    const end = { ...ended('timeout').end!, code: 'stalled' as const, detail: 'd', returnCode: -9 };
    const body = bodyOf({ record: { ...record, ...ended('timeout', { end }) }, queue: null });
    expect(body).toMatchObject({
      state: 'timeout',
      reason: 'timeout',
      code: 'stalled',
      detail: 'd',
      return_code: -9,
      ended_at: ended().endedAt,
      last_event_id: 3,
    });
  });

  it('never has what nobody is to know', () => {
    const claim = { key: 'secret-key', bodyHash: 'secret-hash' };
    const text = JSON.stringify(bodyOf({ record: { ...record, claim }, queue: null }, true));
    for (const secret of [record.cookie, 'secret-key', 'secret-hash']) {
      expect(text).not.toContain(secret);
    }
  });

  it('is short where a run is only referred to', () => {
    expect(referenceOf(record)).toEqual({ run_id: record.id, session_id: 's', state: 'queued' });
  });
});
