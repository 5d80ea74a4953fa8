import { type CanActivate, Injectable } from '@nestjs/common';
import { Refuses } from '../openapi/described.decorator.js';
import { ServerState } from './server-state.js';

/**
 * Answers 503 as long as another server holds the roots: this one does not know the runs of that one,
 * and a client that asks for its run must not hear that there is none.
 */
@Injectable()
@Refuses('draining')
export class TakeoverGuard implements CanActivate {
  constructor(private readonly server: ServerState) {}

  /** @throws {RunnerError} `draining` */
  async canActivate(): Promise<boolean> {
    await this.server.requireTakenOver();
    return true;
  }
}
