import { Module } from '@nestjs/common';
import { RunnerConfig } from '../config/runner-config.js';
import { ADMISSION } from './admission.js';
import { MemoryAdmission } from './memory-admission.js';

@Module({
  providers: [
    {
      provide: ADMISSION,
      inject: [RunnerConfig],
      useFactory: (config: RunnerConfig) => new MemoryAdmission(config),
    },
  ],
  exports: [ADMISSION],
})
export class AdmissionModule {}
