import {
  Body,
  Controller,
  HttpCode,
  type MessageEvent,
  Req,
  RequestMethod,
  Sse,
} from '@nestjs/common';
import type { Request, Response } from 'express';
import type { Observable } from 'rxjs';
import { onConnectionEnd } from './connection.js';
import { RunRequest } from './run-request.js';
import { RunRequestPipe } from './run-request.pipe.js';
import { RunStream } from './run-stream.js';
import { RunService } from './run.service.js';

/** `POST /run` (contract, section 1). */
@Controller()
export class RunController {
  constructor(
    private readonly runs: RunService,
    private readonly stream: RunStream,
  ) {}

  /**
   * Creates a run and follows it. A run that is admitted at once is prepared before the headers go
   * out, so that its errors have their status; one that has to wait gets its stream at once.
   */
  @Sse('run', { method: RequestMethod.POST })
  @HttpCode(200)
  async run(
    @Body(RunRequestPipe) body: RunRequest,
    @Req() request: Request,
  ): Promise<Observable<MessageEvent>> {
    const response: Response = request.res!;
    const { run, admittedAtOnce, prepared } = await this.runs.start(body);
    onConnectionEnd(request, response, run.attachFollower());
    if (admittedAtOnce) await prepared;
    return this.stream.follow(run, response);
  }
}
