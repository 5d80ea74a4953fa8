import { Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { AccessGuard } from './access.guard.js';
import { Authenticator } from './authenticator.js';
import { JwtVerifier } from './jwt-verifier.js';
import { MetricsToken } from './metrics-token.js';
import { TokenList } from './token-list.js';

@Module({
  providers: [
    TokenList,
    JwtVerifier,
    MetricsToken,
    Authenticator,
    { provide: APP_GUARD, useClass: AccessGuard },
  ],
  exports: [Authenticator],
})
export class IdentityModule {}
