import { Injectable } from '@nestjs/common';
import {
  InjectMetric,
  makeCounterProvider,
  makeHistogramProvider,
} from '@willsoto/nestjs-prometheus';
import { Counter, Histogram } from 'prom-client';
import type { RunnerError } from '../common/errors.js';
import type { AgentResult } from '../provider/agent-result.js';
import type { ProblemListener } from '../common/problem-listener.js';
import type { RunEnd } from './run-record.js';

/** Seconds, from what a warm session takes to the longest run that is usual. */
const SHORT_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120];
const LONG_BUCKETS = [0.1, 1, 5, 15, 30, 60, 120, 300, 600, 1200, 3600, 14_400];

const QUEUE_WAIT = 'runner_queue_wait_seconds';
const PREPARATION = 'runner_preparation_seconds';
const FIRST_EVENT = 'runner_first_agent_event_seconds';
const RUN_TIME = 'runner_run_seconds';
const RUNS = 'runner_runs_total';
const RESULTS = 'runner_agent_results_total';
const TOKENS = 'runner_agent_tokens_total';
const COST = 'runner_agent_cost_usd_total';
const REFUSALS = 'runner_refusals_total';

export const RUN_METRIC_PROVIDERS = [
  makeHistogramProvider({
    name: QUEUE_WAIT,
    help: 'Seconds that admitted runs waited for their slot.',
    buckets: LONG_BUCKETS,
  }),
  makeHistogramProvider({
    name: PREPARATION,
    help: 'Seconds from admission to the start of the agent.',
    buckets: SHORT_BUCKETS,
  }),
  makeHistogramProvider({
    name: FIRST_EVENT,
    help: 'Seconds from the start of the agent to its first line on stdout.',
    buckets: SHORT_BUCKETS,
    labelNames: ['provider'],
  }),
  makeHistogramProvider({
    name: RUN_TIME,
    help: 'Seconds from the start of the agent to the end of its run.',
    buckets: LONG_BUCKETS,
    labelNames: ['provider'],
  }),
  makeCounterProvider({
    name: RUNS,
    help: 'Runs that have ended, by provider, reason and code (empty where there is none).',
    labelNames: ['provider', 'reason', 'code'],
  }),
  makeCounterProvider({
    name: RESULTS,
    help: 'Runs of agents that have ended, by provider, outcome and error code (empty where there is none).',
    labelNames: ['provider', 'outcome', 'error'],
  }),
  makeCounterProvider({
    name: TOKENS,
    help: 'Tokens that agents say they have used, by provider and kind: input (those from a cache among them), cached, output.',
    labelNames: ['provider', 'kind'],
  }),
  makeCounterProvider({
    name: COST,
    help: 'US dollars that agents say they have spent, by provider.',
    labelNames: ['provider'],
  }),
  makeCounterProvider({
    name: REFUSALS,
    help: 'Requests that were refused before they became a run, by error code.',
    labelNames: ['code'],
  }),
];

/** What the runs tell Prometheus; the gauges of admission are in `ops`. */
@Injectable()
export class RunMetrics implements ProblemListener {
  constructor(
    @InjectMetric(QUEUE_WAIT) readonly queueWait: Histogram,
    @InjectMetric(PREPARATION) readonly preparation: Histogram,
    @InjectMetric(FIRST_EVENT) readonly firstAgentEvent: Histogram<'provider'>,
    @InjectMetric(RUN_TIME) readonly runTime: Histogram<'provider'>,
    @InjectMetric(RUNS) readonly runs: Counter<'provider' | 'reason' | 'code'>,
    @InjectMetric(RESULTS) private readonly results: Counter<'provider' | 'outcome' | 'error'>,
    @InjectMetric(TOKENS) private readonly tokens: Counter<'provider' | 'kind'>,
    @InjectMetric(COST) private readonly cost: Counter<'provider'>,
    @InjectMetric(REFUSALS) private readonly refusals: Counter<'code'>,
  ) {}

  /** Counts an end, and what the agent made of its run, if one ran. */
  runEnded(provider: string, { reason, code, result }: RunEnd): void {
    this.runs.inc({ provider, reason, code: code ?? '' });
    if (result !== null) this.agentEnded(provider, result);
  }

  /** Counts what an agent made of its run, and what it has used for it. */
  private agentEnded(provider: string, { outcome, error, usage }: AgentResult): void {
    this.results.inc({ provider, outcome, error: error?.code ?? '' });
    const tokens = {
      input: usage.inputTokens,
      cached: usage.cachedTokens,
      output: usage.outputTokens,
    };
    for (const [kind, count] of Object.entries(tokens)) {
      if (count !== null) this.tokens.inc({ provider, kind }, count);
    }
    if (usage.costUsd !== null) this.cost.inc({ provider }, usage.costUsd);
  }

  /** Counts a request that was refused before it became a run. */
  problemAnswered(
    { code, facts }: RunnerError,
    { method, path }: { method: string; path: string },
  ): void {
    // As the router reads a path.
    const makesRuns = method === 'POST' && /^\/runs?\/?$/i.test(path);
    if (makesRuns && facts.runId === undefined) this.refusals.inc({ code });
  }
}
