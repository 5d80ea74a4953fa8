import { type DynamicModule, Global, Module } from '@nestjs/common';
import { RunnerConfig } from './runner-config.js';

/** Makes the validated settings injectable everywhere. */
@Global()
@Module({})
export class ConfigModule {
  static with(config: RunnerConfig): DynamicModule {
    return {
      module: ConfigModule,
      providers: [{ provide: RunnerConfig, useValue: config }],
      exports: [RunnerConfig],
    };
  }
}
