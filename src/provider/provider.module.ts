import { Module } from '@nestjs/common';
import { AdapterRegistry } from './adapter-registry.js';
import { HomesService } from './homes/homes.service.js';
import { PolicyService } from './policy.service.js';
import { ProgramService } from './program.service.js';
import { ProviderService } from './provider.service.js';
import { TalksService } from './talks.service.js';

@Module({
  providers: [
    AdapterRegistry,
    HomesService,
    PolicyService,
    ProgramService,
    ProviderService,
    TalksService,
  ],
  exports: [AdapterRegistry, PolicyService, ProgramService, ProviderService],
})
export class ProviderModule {}
