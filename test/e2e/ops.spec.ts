import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Runner, temporaryFolder } from '../support/runner.js';
import { StreamClient } from '../support/stream-client.js';

describe('the ops endpoints', () => {
  let runner: Runner;
  afterEach(() => runner.stop());
  const get = (path: string, headers: Record<string, string> = {}) =>
    fetch(runner.url + path, { headers });

  it('give the reference metrics as JSON and as text', async () => {
    runner = await Runner.start();
    expect(await runner.getJson('/ops/concurrency')).toEqual({
      active_total: 0,
      global_limit: 200,
      global_utilization: 0,
      pending_total: 0,
      queue_bounded: true,
      queue_capacity: 2000,
      queue_utilization: 0,
      per_user_limit: 10,
      timestamp_utc: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$/),
    });
    const text = await get('/ops/concurrency.prom');
    expect(text.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    expect(await text.text()).toBe(
      [
        '# HELP runner_active_runs Active admitted runs in this runner process.',
        '# TYPE runner_active_runs gauge',
        'runner_active_runs 0',
        '# HELP runner_global_run_limit Configured global active-run limit.',
        '# TYPE runner_global_run_limit gauge',
        'runner_global_run_limit 200',
        '# HELP runner_global_run_utilization Active/global limit ratio.',
        '# TYPE runner_global_run_utilization gauge',
        'runner_global_run_utilization 0.0',
        '# HELP runner_pending_runs Number of runs waiting in the admission queue.',
        '# TYPE runner_pending_runs gauge',
        'runner_pending_runs 0',
        '# HELP runner_per_user_run_limit Configured per-user active-run limit.',
        '# TYPE runner_per_user_run_limit gauge',
        'runner_per_user_run_limit 10',
        '# HELP runner_queue_bounded Whether queue capacity is bounded (1) or unbounded (0).',
        '# TYPE runner_queue_bounded gauge',
        'runner_queue_bounded 1',
        '# HELP runner_queue_capacity Configured max number of pending queued runs.',
        '# TYPE runner_queue_capacity gauge',
        'runner_queue_capacity 2000',
        '# HELP runner_queue_utilization Pending/queue capacity ratio.',
        '# TYPE runner_queue_utilization gauge',
        'runner_queue_utilization 0.0',
        '',
      ].join('\n'),
    );
  });

  it('leave the queue capacity out where there is none', async () => {
    runner = await Runner.start({ FERMILINK_RUNNER_MAX_QUEUE_SIZE: '0' });
    expect(await runner.getJson('/ops/concurrency')).toMatchObject({
      queue_bounded: false,
      queue_capacity: null,
      queue_utilization: null,
    });
    for (const path of ['/ops/concurrency.prom', '/metrics']) {
      const text = await (await get(path)).text();
      expect(text).toContain('runner_queue_bounded 0');
      expect(text).not.toContain('runner_queue_capacity');
      expect(text).not.toContain('runner_queue_utilization');
    }
  });

  it('give Prometheus gauges, process metrics, histograms and counters', async () => {
    runner = await Runner.start();
    const client = await StreamClient.open(runner, { user_prompt: 'echo x', user_id: 'ada' });
    await client.exit();
    for (const user_prompt of ['', 'x'.repeat(10_001)]) {
      await (await StreamClient.open(runner, { user_prompt })).json();
    }
    const post = (path: string, body: string) =>
      fetch(runner.url + path, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
      });
    await post('/run', '{bad');
    await post('/run', 'x'.repeat((1 << 20) + 1));
    await post('/nothing', '{bad');
    const text = await (await get('/metrics')).text();
    for (const name of [
      'runner_active_runs 0',
      'runner_global_run_limit 200',
      'runner_global_run_utilization 0',
      'runner_pending_runs 0',
      'runner_per_user_run_limit 10',
      'runner_queue_bounded 1',
      'runner_queue_capacity 2000',
      'runner_queue_utilization 0',
      'process_cpu_seconds_total',
      'nodejs_eventloop_lag_seconds',
      'runner_queue_wait_seconds_count 1',
      'runner_preparation_seconds_count 1',
      'runner_first_agent_event_seconds_count{provider="codex"} 1',
      'runner_run_seconds_count{provider="codex"} 1',
      'runner_runs_total{provider="codex",reason="completed",code=""} 1',
      'runner_refusals_total{code="invalid_request"} 2',
      'runner_refusals_total{code="body_too_large"} 1',
      'runner_refusals_total{code="prompt_too_long"} 1',
    ]) {
      expect(text).toContain(`\n${name}`);
    }
    expect(text).not.toContain('reason="not_found"');
    expect(text).not.toMatch(/\bada\b/);
  });

  it('want the metrics token where one is set, and health does not', async () => {
    runner = await Runner.start({ FERMILINK_RUNNER_METRICS_TOKEN: ' s3cret ' });
    for (const path of [
      '/ops/concurrency',
      '/ops/concurrency.prom',
      '/ops/admission',
      '/ops/providers',
      '/metrics',
    ]) {
      const missing = await get(path);
      expect(missing.status).toBe(401);
      expect(await missing.json()).toMatchObject({
        code: 'metrics_token_missing',
        detail: 'Missing X-Runner-Metrics-Token.',
      });
      const wrong = await get(path, { 'x-runner-metrics-token': 'guess' });
      expect(wrong.status).toBe(403);
      expect(await wrong.json()).toMatchObject({
        code: 'metrics_token_invalid',
        detail: 'Invalid X-Runner-Metrics-Token.',
      });
      expect((await get(path, { 'x-runner-metrics-token': 's3cret' })).status).toBe(200);
    }
    for (const probe of ['live', 'ready', 'startup']) {
      expect((await get(`/health/${probe}`)).status).toBe(200);
    }
    expect(JSON.stringify(runner.logLines)).not.toContain('s3cret');
  });

  it('say why the server is not ready, and stay alive', async () => {
    const home = temporaryFolder();
    mkdirSync(join(home, 'fermilink'));
    const policy = join(home, 'fermilink', 'agent_runtime.json');
    writeFileSync(policy, '{"provider": "codex", "sandbox_mode": "anything-goes"}');
    runner = await Runner.start({}, home);
    const ready = await get('/health/ready');
    expect(ready.status).toBe(503);
    expect(JSON.stringify(await ready.json())).toContain('sandbox_mode');
    expect((await get('/health/live')).status).toBe(200);
    const refused = await StreamClient.open(runner, { user_prompt: 'true' });
    expect([refused.status, (await refused.json()).code]).toEqual([500, 'policy_invalid']);

    writeFileSync(policy, '{"provider": "codex", "sandbox_mode": "read-only"}');
    expect((await get('/health/ready')).status).toBe(200);
    const [meta] = await (await StreamClient.open(runner, { user_prompt: 'true' })).all();
    expect(JSON.parse(meta!.data).agent.sandbox_mode).toBe('read-only');

    writeFileSync(policy, 'not json');
    const [held] = await (await StreamClient.open(runner, { user_prompt: 'true' })).all();
    expect(JSON.parse(held!.data).agent.sandbox_mode).toBe('read-only');
    expect((await get('/health/ready')).status).toBe(503);

    writeFileSync(policy, '{"provider": "somebody-elses"}');
    const unknown = await StreamClient.open(runner, { user_prompt: 'true' });
    expect([unknown.status, (await unknown.json()).code]).toEqual([
      501,
      'provider_not_implemented',
    ]);
  });
});
