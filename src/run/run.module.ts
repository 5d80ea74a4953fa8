import { join } from 'node:path';
import { Module } from '@nestjs/common';
import { AdmissionModule } from '../admission/admission.module.js';
import { LOGGER, type Logger } from '../common/logger.js';
import { PROBLEM_LISTENER } from '../common/problem-listener.js';
import { RunnerConfig } from '../config/runner-config.js';
import { FilesModule } from '../files/files.module.js';
import { PackagesModule } from '../packages/packages.module.js';
import { ProviderModule } from '../provider/provider.module.js';
import { TenancyModule } from '../tenancy/tenancy.module.js';
import { QuotaModule } from '../quota/quota.module.js';
import { WebhookModule } from '../webhook/webhook.module.js';
import { WorkspaceModule } from '../workspace/workspace.module.js';
import { AgentSpawner } from './agent-process.js';
import { EndNotice } from './end-notice.js';
import { FileRunLogs } from './file-run-logs.js';
import { FileRunStore } from './file-run-store.js';
import { LiveRuns } from './live-runs.js';
import { ProcessTable } from './process-table.js';
import { RUN_LOGS } from './run-log.js';
import { RecoveryService } from './recovery.service.js';
import { Redaction } from './redaction.js';
import { RetentionService } from './retention.service.js';
import { RunEnding } from './run-ending.js';
import { RunExecution } from './run-execution.js';
import { RunIntake } from './run-intake.js';
import { RunLife } from './run-life.js';
import { RUN_METRIC_PROVIDERS, RunMetrics } from './run-metrics.js';
import { RunPreparation } from './run-preparation.js';
import { RUN_STORE } from './run-store.js';
import { RunStream } from './run-stream.js';
import { RunController } from './run.controller.js';
import { RunService } from './run.service.js';
import { ServerLock } from './server-lock.js';
import { ServerState } from './server-state.js';
import { SessionPast } from './session-past.js';

@Module({
  imports: [
    TenancyModule,
    AdmissionModule,
    FilesModule,
    WorkspaceModule,
    PackagesModule,
    ProviderModule,
    QuotaModule,
    WebhookModule,
  ],
  controllers: [RunController],
  providers: [
    ...RUN_METRIC_PROVIDERS,
    RunMetrics,
    { provide: PROBLEM_LISTENER, useExisting: RunMetrics },
    ProcessTable,
    AgentSpawner,
    {
      provide: RUN_LOGS,
      inject: [RunnerConfig],
      useFactory: ({ runtimeRoot, streamLimitBytes }: RunnerConfig) =>
        new FileRunLogs(join(runtimeRoot, 'events'), streamLimitBytes),
    },
    {
      provide: RUN_STORE,
      inject: [RunnerConfig, LOGGER],
      useFactory: ({ runtimeRoot }: RunnerConfig, logger: Logger) =>
        new FileRunStore(runtimeRoot, (file, err) => {
          logger.error({ err, file }, 'a file in live/ cannot be read; it is set aside');
        }),
    },
    ServerLock,
    ServerState,
    LiveRuns,
    SessionPast,
    Redaction,
    RunPreparation,
    RunExecution,
    EndNotice,
    RunEnding,
    RunLife,
    RunIntake,
    RunService,
    RunStream,
    RecoveryService,
    RetentionService,
  ],
  exports: [
    PROBLEM_LISTENER,
    AgentSpawner,
    LiveRuns,
    RecoveryService,
    Redaction,
    RetentionService,
    RUN_STORE,
    RunService,
    RunStream,
    ServerLock,
    ServerState,
  ],
})
export class RunModule {}
