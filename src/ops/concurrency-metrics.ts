import { Inject, Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { Gauge, register } from 'prom-client';
import { ADMISSION, type Admission, type AdmissionSnapshot } from '../admission/admission.js';
import { CONCURRENCY_GAUGES, concurrencyOf } from './concurrency.js';

/** The reference's gauges in `/metrics`, read from admission whenever Prometheus asks. */
@Injectable()
export class ConcurrencyMetrics implements OnModuleInit, OnModuleDestroy {
  constructor(@Inject(ADMISSION) private readonly admission: Admission) {}

  async onModuleInit(): Promise<void> {
    const { admission } = this;
    const now = concurrencyOf(await admission.snapshot());
    for (const { name, help, value } of CONCURRENCY_GAUGES) {
      // Whether the queue has a bound does not change while the server runs.
      if (value(now) === undefined) continue;
      new Gauge({
        name,
        help,
        async collect() {
          const snapshot: AdmissionSnapshot = await admission.snapshot();
          this.set(value(concurrencyOf(snapshot)) ?? 0);
        },
      });
    }
  }

  onModuleDestroy(): void {
    for (const { name } of CONCURRENCY_GAUGES) register.removeSingleMetric(name);
  }
}
