import { join } from 'node:path';
import { Module } from '@nestjs/common';
import { RunnerConfig } from '../config/runner-config.js';
import { FileSessionOwners } from './file-session-owners.js';
import { SessionAccess } from './session-access.js';
import { SessionClaims } from './session-claims.js';
import { SESSION_OWNERS } from './session-owners.js';

@Module({
  providers: [
    {
      provide: SESSION_OWNERS,
      inject: [RunnerConfig],
      useFactory: ({ runtimeRoot }: RunnerConfig) =>
        new FileSessionOwners(join(runtimeRoot, 'owners')),
    },
    SessionAccess,
    SessionClaims,
  ],
  exports: [SESSION_OWNERS, SessionAccess, SessionClaims],
})
export class TenancyModule {}
