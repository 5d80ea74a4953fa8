import { ApiTags } from '@nestjs/swagger';
import {
  Controller,
  Delete,
  Get,
  HttpCode,
  Param,
  Query,
  Req,
  Res,
  UseGuards,
} from '@nestjs/common';
import type { Request, Response } from 'express';
import { FolderListing } from '../files/folder-listing.service.js';
import { SessionArchive } from '../files/session-archive.service.js';
import { pathIn } from '../files/session-path.js';
import { QueryReader } from '../common/query-reader.js';
import { Scopes } from '../identity/access.decorators.js';
import { Described } from '../openapi/described.decorator.js';
import { TakeoverGuard } from '../run/takeover.guard.js';
import { ActingCaller } from '../tenancy/acting-caller.js';
import { CurrentCaller } from '../tenancy/current-caller.js';
import { SessionAccess } from '../tenancy/session-access.js';
import { clientGone } from './client-gone.js';
import { setSafeHeaders } from './download.js';
import { pageOf } from './page.js';
import { FolderPageBody, SessionBody } from './session.answers.js';
import { SessionRemoval } from './session-removal.service.js';
import { SessionsService } from './sessions.service.js';
import { GET_SESSION, DELETE_SESSION, LIST_FILES, GET_ARCHIVE } from './session.routes.js';

/** The routes of whole sessions and their folders. */
@ApiTags('sessions')
@Controller('sessions')
@UseGuards(TakeoverGuard)
export class SessionsController {
  constructor(
    private readonly access: SessionAccess,
    private readonly sessions: SessionsService,
    private readonly removal: SessionRemoval,
    private readonly listing: FolderListing,
    private readonly archives: SessionArchive,
  ) {}

  /** `GET /sessions/{id}`: what is known of a session. */
  @Described(GET_SESSION)
  @Scopes('files:read')
  @Get(':id')
  async get(@Param('id') id: string, @CurrentCaller() caller: ActingCaller): Promise<SessionBody> {
    this.access.require(caller, id);
    return this.sessions.get(id);
  }

  /** `DELETE /sessions/{id}`: removes a session with all its files. */
  @Described(DELETE_SESSION)
  @Scopes('files:write')
  @Delete(':id')
  @HttpCode(204)
  async remove(@Param('id') id: string, @CurrentCaller() caller: ActingCaller): Promise<void> {
    this.access.require(caller, id);
    await this.removal.remove(id);
  }

  /** `GET /sessions/{id}/files`: a part of a folder. */
  @Described(LIST_FILES)
  @Scopes('files:read')
  @Get(':id/files')
  async list(
    @Param('id') id: string,
    @Query() query: Record<string, unknown>,
    @CurrentCaller() caller: ActingCaller,
    @Res({ passthrough: true }) response: Response,
  ): Promise<FolderPageBody> {
    const path = pathIn(query.path);
    const { limit, cursor } = pageOf(query);
    this.access.require(caller, id);
    const part = { limit, cursor };
    const order = { sessionId: id, owner: caller.ownerKey };
    const { entries, next } = await this.listing.list(order, path, part, clientGone(response));
    return { path: path.join('/'), entries, next_cursor: next };
  }

  /** `GET /sessions/{id}/archive`: all files as a tar.gz. */
  @Described(GET_ARCHIVE)
  @Scopes('files:read')
  @Get(':id/archive')
  async archive(
    @Param('id') id: string,
    @Query() query: Record<string, unknown>,
    @CurrentCaller() caller: ActingCaller,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    const asked = new QueryReader(query);
    const withGit = asked.word('include', ['git']) === 'git';
    asked.check();
    this.access.require(caller, id);
    const isHead = request.method === 'HEAD';
    if (isHead) await this.sessions.require(id);
    const onBegin = () => {
      response.attachment(`${id}.tar.gz`);
      response.setHeader('Content-Type', 'application/gzip');
      setSafeHeaders(response);
    };
    if (isHead) {
      onBegin();
      response.end();
      return;
    }
    const order = { sessionId: id, owner: caller.ownerKey };
    await this.archives.write(order, response, { withGit, onBegin });
  }
}
