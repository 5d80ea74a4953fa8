import { join } from 'node:path';
import { Module } from '@nestjs/common';
import { AdmissionModule } from '../admission/admission.module.js';
import { RunnerConfig } from '../config/runner-config.js';
import { PackagesModule } from '../packages/packages.module.js';
import { ProviderModule } from '../provider/provider.module.js';
import { WorkspaceModule } from '../workspace/workspace.module.js';
import { AgentSpawner } from './agent-process.js';
import { FileRunLogs } from './file-run-log.js';
import { ProcessTable } from './process-table.js';
import { RUN_LOGS } from './run-log.js';
import { RUN_METRIC_PROVIDERS, RunMetrics } from './run-metrics.js';
import { RunExecution } from './run-execution.js';
import { RunPreparation } from './run-preparation.js';
import { RunStream } from './run-stream.js';
import { RunController } from './run.controller.js';
import { RunService } from './run.service.js';

@Module({
  imports: [AdmissionModule, WorkspaceModule, PackagesModule, ProviderModule],
  controllers: [RunController],
  providers: [
    ...RUN_METRIC_PROVIDERS,
    RunMetrics,
    ProcessTable,
    AgentSpawner,
    {
      provide: RUN_LOGS,
      inject: [RunnerConfig],
      useFactory: ({ runtimeRoot, streamLimitBytes }: RunnerConfig) =>
        new FileRunLogs(join(runtimeRoot, 'runs'), streamLimitBytes),
    },
    RunPreparation,
    RunExecution,
    RunService,
    RunStream,
  ],
  exports: [RunService],
})
export class RunModule {}
