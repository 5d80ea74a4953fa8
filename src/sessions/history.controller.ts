import { ApiTags } from '@nestjs/swagger';
import { Controller, Get, Param, Query, Res, UseGuards } from '@nestjs/common';
import type { Response } from 'express';
import { History } from '../files/history/history.service.js';
import { QueryReader } from '../common/query-reader.js';
import { Scopes } from '../identity/access.decorators.js';
import { Described } from '../openapi/described.decorator.js';
import { TakeoverGuard } from '../run/takeover.guard.js';
import { ActingCaller } from '../tenancy/acting-caller.js';
import { CurrentCaller } from '../tenancy/current-caller.js';
import { SessionAccess } from '../tenancy/session-access.js';
import { clientGone } from './client-gone.js';
import { pageOf } from './page.js';
import { CommitPageBody, DifferenceBody } from './history.answers.js';
import { GET_LOG, GET_DIFF } from './session.routes.js';

/** The routes of what runs have left of a session, as commits of the server's own. */
@ApiTags('sessions')
@Controller('sessions')
@UseGuards(TakeoverGuard)
export class HistoryController {
  constructor(
    private readonly access: SessionAccess,
    private readonly history: History,
  ) {}

  /** `GET /sessions/{id}/git/log`: the commits, newest first. */
  @Described(GET_LOG)
  @Scopes('files:read')
  @Get(':id/git/log')
  async log(
    @Param('id') id: string,
    @Query() query: Record<string, unknown>,
    @CurrentCaller() caller: ActingCaller,
    @Res({ passthrough: true }) response: Response,
  ): Promise<CommitPageBody> {
    const part = pageOf(query);
    this.access.require(caller, id);
    const { commits, next } = await this.history.log(id, part, clientGone(response));
    return { commits, next_cursor: next };
  }

  /** `GET /sessions/{id}/git/diff`: what a commit has changed, or what has changed since the last. */
  @Described(GET_DIFF)
  @Scopes('files:read')
  @Get(':id/git/diff')
  async diff(
    @Param('id') id: string,
    @Query() query: Record<string, unknown>,
    @CurrentCaller() caller: ActingCaller,
    @Res({ passthrough: true }) response: Response,
  ): Promise<DifferenceBody> {
    const asked = new QueryReader(query);
    const commit = asked.text('commit');
    asked.check();
    this.access.require(caller, id);
    const order = { sessionId: id, owner: caller.ownerKey };
    return this.history.diff(order, commit, clientGone(response));
  }
}
