import { Module } from '@nestjs/common';
import { HomesService } from './homes/homes.service.js';
import { PolicyService } from './policy.service.js';
import { ProviderService } from './provider.service.js';
import { TalksService } from './talks.service.js';

@Module({
  providers: [HomesService, PolicyService, ProviderService, TalksService],
  exports: [PolicyService, ProviderService],
})
export class ProviderModule {}
