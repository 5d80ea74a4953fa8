import { Test } from '@nestjs/testing';
import { ConfigModule } from '../config/config.module.js';
import { RunnerConfig } from '../config/runner-config.js';
import { AdmissionModule } from './admission.module.js';
import { ADMISSION, type Admission } from './admission.js';

it('AdmissionModule hands out one admission with the configured limits', async () => {
  const config = new RunnerConfig({
    globalConcurrentRuns: 4,
    perUserConcurrentRuns: 2,
    maxQueueSize: 9,
    maxPendingPerUser: null,
  } as RunnerConfig);
  const module = await Test.createTestingModule({
    imports: [ConfigModule.with(config), AdmissionModule],
  }).compile();
  const admission = module.get<Admission>(ADMISSION, { strict: false });
  expect(await admission.snapshot()).toEqual({
    activeTotal: 0,
    pendingTotal: 0,
    globalLimit: 4,
    perUserLimit: 2,
    queueCapacity: 9,
    retryAfterSeconds: 60,
  });
  expect(module.get<Admission>(ADMISSION, { strict: false })).toBe(admission);
});
