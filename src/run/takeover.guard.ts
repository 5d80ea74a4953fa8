import { type CanActivate, Inject, Injectable } from '@nestjs/common';
import { ADMISSION, type Admission } from '../admission/admission.js';
import { ServerState } from './server-state.js';

/**
 * Answers 503 as long as another server holds the roots: this one does not know the runs of that one,
 * and a client that asks for its run must not hear that there is none.
 */
@Injectable()
export class TakeoverGuard implements CanActivate {
  constructor(
    @Inject(ADMISSION) private readonly admission: Admission,
    private readonly server: ServerState,
  ) {}

  /** @throws {RunnerError} `draining` */
  async canActivate(): Promise<boolean> {
    if (!this.server.hasTakenOver) await this.server.refuse(this.admission);
    return true;
  }
}
