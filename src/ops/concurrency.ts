import type { AdmissionSnapshot } from '../admission/admission.js';
import { nowUtc } from '../common/clock.js';

/** What `GET /ops/concurrency` answers (contract, section 1). */
export interface Concurrency {
  active_total: number;
  global_limit: number;
  /** 0 to 1. */
  global_utilization: number;
  pending_total: number;
  queue_bounded: boolean;
  queue_capacity: number | null;
  /** 0 to 1; null for a queue without a bound. */
  queue_utilization: number | null;
  per_user_limit: number;
  timestamp_utc: string;
}

/** Puts a snapshot of this moment into the form of the reference. */
export function concurrencyOf(snapshot: AdmissionSnapshot): Concurrency {
  const { activeTotal, globalLimit, pendingTotal, perUserLimit, queueCapacity } = snapshot;
  return {
    active_total: activeTotal,
    global_limit: globalLimit,
    global_utilization: activeTotal / globalLimit,
    pending_total: pendingTotal,
    queue_bounded: queueCapacity !== null,
    queue_capacity: queueCapacity,
    queue_utilization: queueCapacity === null ? null : pendingTotal / queueCapacity,
    per_user_limit: perUserLimit,
    timestamp_utc: nowUtc(),
  };
}

/** One of the gauges that the platform's dashboards know from the reference. */
export interface ConcurrencyGauge {
  name: string;
  help: string;
  /** Undefined where the gauge is not shown. */
  value: (concurrency: Concurrency) => number | undefined;
  /** Ratios are written with a decimal point, as Python writes a float. */
  isRatio?: boolean;
}

export const CONCURRENCY_GAUGES: readonly ConcurrencyGauge[] = [
  {
    name: 'runner_active_runs',
    help: 'Active admitted runs in this runner process.',
    value: (it) => it.active_total,
  },
  {
    name: 'runner_global_run_limit',
    help: 'Configured global active-run limit.',
    value: (it) => it.global_limit,
  },
  {
    name: 'runner_global_run_utilization',
    help: 'Active/global limit ratio.',
    value: (it) => it.global_utilization,
    isRatio: true,
  },
  {
    name: 'runner_pending_runs',
    help: 'Number of runs waiting in the admission queue.',
    value: (it) => it.pending_total,
  },
  {
    name: 'runner_per_user_run_limit',
    help: 'Configured per-user active-run limit.',
    value: (it) => it.per_user_limit,
  },
  {
    name: 'runner_queue_bounded',
    help: 'Whether queue capacity is bounded (1) or unbounded (0).',
    value: (it) => (it.queue_bounded ? 1 : 0),
  },
  {
    name: 'runner_queue_capacity',
    help: 'Configured max number of pending queued runs.',
    value: (it) => it.queue_capacity ?? undefined,
  },
  {
    name: 'runner_queue_utilization',
    help: 'Pending/queue capacity ratio.',
    value: (it) => it.queue_utilization ?? undefined,
    isRatio: true,
  },
];

/** The body of `GET /ops/concurrency.prom`. */
export function concurrencyText(concurrency: Concurrency): string {
  const lines = CONCURRENCY_GAUGES.flatMap(({ name, help, value, isRatio }) => {
    const number = value(concurrency);
    if (number === undefined) return [];
    const shown = isRatio && Number.isInteger(number) ? number.toFixed(1) : String(number);
    return [`# HELP ${name} ${help}`, `# TYPE ${name} gauge`, `${name} ${shown}`];
  });
  return `${lines.join('\n')}\n`;
}
