import { Module } from '@nestjs/common';
import { ProviderModule } from '../provider/provider.module.js';
import { PolicyCheck } from './policy-check.service.js';
import { PolicyController } from './policy.controller.js';
import { PolicyEditor } from './policy-editor.service.js';

@Module({
  imports: [ProviderModule],
  controllers: [PolicyController],
  providers: [PolicyCheck, PolicyEditor],
})
export class PolicyModule {}
