import {
  Body,
  Controller,
  Get,
  Headers,
  HttpCode,
  type MessageEvent,
  Param,
  Post,
  Query,
  Req,
  RequestMethod,
  Res,
  Sse,
  UseGuards,
} from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { Request, Response } from 'express';
import { EMPTY, type Observable } from 'rxjs';
import { NoContent } from '../common/no-content.js';
import { RunnerError } from '../common/errors.js';
import { Scopes } from '../identity/access.decorators.js';
import { Described } from '../openapi/described.decorator.js';
import { ProviderService } from '../provider/provider.service.js';
import { ActingCaller } from '../tenancy/acting-caller.js';
import { CurrentCaller } from '../tenancy/current-caller.js';
import { ActivityView } from './activity-view.js';
import { Redaction } from './redaction.js';
import { cursorOf, requireKnown } from './cursor.js';
import { Follower } from './follower.js';
import { RunIntake, type Submission, type Submitted } from './run-intake.js';
import { filterOf, viewOf } from './run-query.js';
import { hasEnded, type RunRecord } from './run-record.js';
import { RunRequest, type View } from './run-request.js';
import { RunRequestPipe } from './run-request.pipe.js';
import { RunStream } from './run-stream.js';
import type { RunBody, RunListBody, RunReference } from './run.answers.js';
import { CANCEL_RUN, CREATE_RUN, FOLLOW_RUN, GET_RUN, LIST_RUNS, START_RUN } from './run.routes.js';
import { bodyOf, listedBodyOf, referenceOf } from './run-view.js';
import { RunService } from './run.service.js';
import { TakeoverGuard } from './takeover.guard.js';

/** How long a cancel waits for the end of the run before it answers, in seconds. */
const CANCEL_WAIT_SECONDS = 10;

/** The routes of runs (contract, sections 1, 8 and 9). */
@ApiTags('runs')
@Controller()
@UseGuards(TakeoverGuard)
export class RunController {
  constructor(
    private readonly intake: RunIntake,
    private readonly runs: RunService,
    private readonly stream: RunStream,
    private readonly providers: ProviderService,
    private readonly redaction: Redaction,
  ) {}

  /**
   * `POST /run`: creates a run and follows it. A run that is admitted at once is prepared before the
   * headers go out, so that its errors have their status; one that has to wait gets its stream at once.
   */
  @Described(START_RUN)
  @Sse('run', { method: RequestMethod.POST })
  @HttpCode(200)
  @Scopes('runs:write')
  async run(
    @Body(RunRequestPipe) request: RunRequest,
    @CurrentCaller() caller: ActingCaller,
    @Req() http: Request,
  ): Promise<Observable<MessageEvent>> {
    const submission = submissionOf(request, caller, http, 'cancel');
    // Before a run is made: a client whose cursor is no number will not understand the stream.
    const after = cursorOf(submission.lastEventId, undefined);
    const asked = viewOf(http.query.view);
    const view = request.view ?? asked;
    const submitted = await this.intake.submit(submission);
    locate(http.res!, submitted);
    if ('ended' in submitted) {
      repeatProblem(submitted.ended);
      return this.followById(submitted.ended.id, caller, after, view, http);
    }
    const { run } = submitted;
    // Before it counts as a follower: its leave is no reason to end the run.
    requireKnown(after, run.log.lastEventId);
    const follower = new Follower(http, http.res!);
    follower.onEnd(run.attachFollower());
    if (run.admittedAtOnce) await run.prepared.promise;
    return this.stream.follow(
      { runId: run.id, run, log: run.log, after, view: this.viewOf(view, () => run.provider) },
      follower,
    );
  }

  /** `POST /runs`: creates a run and answers at once. */
  @Described(CREATE_RUN)
  @Post('runs')
  @HttpCode(202)
  @Scopes('runs:write')
  async create(
    @Body(RunRequestPipe) request: RunRequest,
    @CurrentCaller() caller: ActingCaller,
    @Req() http: Request,
  ): Promise<RunReference> {
    // It shows nothing of the run; a word that is wrong is told all the same.
    viewOf(http.query.view);
    const submitted = await this.intake.submit(submissionOf(request, caller, http, 'continue'));
    locate(http.res!, submitted);
    if ('ended' in submitted) return referenceOf(submitted.ended);
    const { run } = submitted;
    return referenceOf({ ...run.record, state: run.state });
  }

  /** `GET /runs`: runs, newest first. */
  @Described(LIST_RUNS)
  @Get('runs')
  @Scopes('runs:read')
  async list(
    @Query() query: Record<string, unknown>,
    @CurrentCaller() caller: ActingCaller,
  ): Promise<RunListBody> {
    const { runs, next } = await this.runs.list(filterOf(query), caller);
    return { runs: runs.map((view) => listedBodyOf(view)), next_cursor: next };
  }

  /** `GET /runs/{id}`: what is known of a run. */
  @Described(GET_RUN)
  @Get('runs/:id')
  @Scopes('runs:read')
  async get(
    @Param('id') id: string,
    @CurrentCaller() caller: ActingCaller,
    @Query('include') include: unknown,
  ): Promise<RunBody> {
    return bodyOf(await this.runs.get(id, caller), include === 'prompt');
  }

  /** `GET /runs/{id}/events`: follows a run from any event on; 204 if the client has it whole. */
  @Described(FOLLOW_RUN)
  @Sse('runs/:id/events')
  @Scopes('runs:read')
  async events(
    @Param('id') id: string,
    @CurrentCaller() caller: ActingCaller,
    @Headers('last-event-id') lastEventId: string | undefined,
    @Query() { after, view }: Record<string, unknown>,
    @Req() http: Request,
  ): Promise<Observable<MessageEvent>> {
    return this.followById(id, caller, cursorOf(lastEventId, after), viewOf(view), http);
  }

  /** `POST /runs/{id}/cancel`: 200 with the run once it has ended, else 202. */
  @Described(CANCEL_RUN)
  @Post('runs/:id/cancel')
  @Scopes('runs:write')
  async cancel(
    @Param('id') id: string,
    @CurrentCaller() caller: ActingCaller,
    @Res({ passthrough: true }) response: Response,
  ): Promise<RunBody> {
    const view = await this.runs.cancel(id, caller, CANCEL_WAIT_SECONDS);
    response.status(hasEnded(view.record.state) ? 200 : 202);
    return bodyOf(view);
  }

  private async followById(
    id: string,
    caller: ActingCaller,
    after: number,
    view: View,
    http: Request,
  ): Promise<Observable<MessageEvent>> {
    const { run, log, hasEnd, provider } = await this.runs.logOf(id, caller);
    requireKnown(after, log.lastEventId);
    if (hasEnd && after === log.lastEventId) throw new NoContent();
    // Who asks for the headers alone follows nothing.
    if (http.method === 'HEAD') return EMPTY;
    const follower = new Follower(http, http.res!);
    if (run !== null) follower.onEnd(run.attachFollower());
    return this.stream.follow(
      { runId: id, run, log, after, view: this.viewOf(view, provider) },
      follower,
    );
  }

  private viewOf(view: View, provider: () => string): ActivityView | null {
    if (view === 'raw') return null;
    return new ActivityView(
      () => this.providers.readingOf(provider()),
      (text) => this.redaction.agentText(text),
    );
  }
}

function submissionOf(
  request: RunRequest,
  caller: ActingCaller,
  http: Request,
  onDisconnect: Submission['onDisconnect'],
): Submission {
  return {
    request,
    caller,
    key: http.get('idempotency-key'),
    lastEventId: http.get('last-event-id'),
    onDisconnect,
  };
}

/**
 * Says where the run is. To a client that has gone meanwhile the framework has answered already, and nothing
 * can be said: its run is still to hear that nobody follows it.
 */
function locate(response: Response, submitted: Submitted): void {
  if (response.headersSent) return;
  const { id } = 'run' in submitted ? submitted.run : submitted.ended;
  response.setHeader('Location', `/runs/${id}`);
}

/** A run that failed before its stream began was answered with a problem: a retry gets it again. */
function repeatProblem({ id, problem }: RunRecord): void {
  if (problem === null) return;
  throw new RunnerError(problem.code, problem.detail, {
    requested: problem.requested,
    retryAfterSeconds: problem.retryAfterSeconds ?? undefined,
    runId: id,
  });
}
