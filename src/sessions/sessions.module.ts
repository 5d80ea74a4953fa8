import { Module } from '@nestjs/common';
import { AdmissionModule } from '../admission/admission.module.js';
import { FilesModule } from '../files/files.module.js';
import { ProviderModule } from '../provider/provider.module.js';
import { QuotaModule } from '../quota/quota.module.js';
import { RunModule } from '../run/run.module.js';
import { TenancyModule } from '../tenancy/tenancy.module.js';
import { FilesController } from './files.controller.js';
import { HistoryController } from './history.controller.js';
import { SessionRemoval } from './session-removal.service.js';
import { SessionsController } from './sessions.controller.js';
import { SessionsService } from './sessions.service.js';

@Module({
  imports: [AdmissionModule, FilesModule, ProviderModule, QuotaModule, RunModule, TenancyModule],
  controllers: [SessionsController, FilesController, HistoryController],
  providers: [SessionRemoval, SessionsService],
  exports: [SessionRemoval],
})
export class SessionsModule {}
