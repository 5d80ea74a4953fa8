import { Module } from '@nestjs/common';
import { PolicyService } from './policy.service.js';
import { ProviderService } from './provider.service.js';

@Module({
  providers: [PolicyService, ProviderService],
  exports: [PolicyService, ProviderService],
})
export class ProviderModule {}
