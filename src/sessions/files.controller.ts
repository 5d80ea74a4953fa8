import { ApiTags } from '@nestjs/swagger';
import { Controller, Delete, Get, HttpCode, Put, Req, Res, UseGuards } from '@nestjs/common';
import type { Request, Response } from 'express';
import { Places } from '../common/places.js';
import { RunnerConfig } from '../config/runner-config.js';
import type { Conditions } from '../common/conditions.js';
import { FileChanges, fileTooLarge } from '../files/file-changes.service.js';
import { FileReading } from '../files/file-reading.service.js';
import { pathOf, type SessionPath } from '../files/session-path.js';
import { Scopes } from '../identity/access.decorators.js';
import { Described } from '../openapi/described.decorator.js';
import { SessionSizes } from '../quota/session-sizes.service.js';
import { TakeoverGuard } from '../run/takeover.guard.js';
import { ActingCaller } from '../tenancy/acting-caller.js';
import { CurrentCaller } from '../tenancy/current-caller.js';
import { SessionAccess } from '../tenancy/session-access.js';
import { sendFile } from './download.js';
import { discardRest, uploadOf } from './upload-body.js';
import { GET_FILE, PUT_FILE, DELETE_FILE } from './file.routes.js';

/** Uploads at a time: each keeps a connection and files open for as long as its client likes. */
const UPLOADS = { all: 64, owner: 32, each: 16 };

/** The routes of single files. */
@ApiTags('sessions')
@Controller('sessions')
@UseGuards(TakeoverGuard)
export class FilesController {
  private readonly uploads = new Places(UPLOADS);

  constructor(
    private readonly config: RunnerConfig,
    private readonly access: SessionAccess,
    private readonly reading: FileReading,
    private readonly changes: FileChanges,
    private readonly sizes: SessionSizes,
  ) {}

  /** `GET /sessions/{id}/files/{path}`: a file, or a part of it. */
  @Described(GET_FILE)
  @Scopes('files:read')
  @Get(':id/files/*path')
  async download(
    @CurrentCaller() caller: ActingCaller,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    const { id, path } = this.placeIn(request, caller);
    await sendFile(request, response, await this.reading.open(id, path), path.at(-1)!);
  }

  /** `PUT /sessions/{id}/files/{path}`: puts a file there. */
  @Described(PUT_FILE)
  @Scopes('files:write')
  @Put(':id/files/*path')
  async upload(
    @CurrentCaller() caller: ActingCaller,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ): Promise<void> {
    try {
      await this.receive(caller, request, response);
    } catch (error) {
      await discardRest(request, error);
      throw error;
    }
  }

  /** `DELETE /sessions/{id}/files/{path}`: removes a file, a link, or an empty folder. */
  @Described(DELETE_FILE)
  @Scopes('files:write')
  @Delete(':id/files/*path')
  @HttpCode(204)
  async remove(@CurrentCaller() caller: ActingCaller, @Req() request: Request): Promise<void> {
    const { id, path } = this.placeIn(request, caller);
    await this.changes.remove(id, path, conditionsOf(request));
    this.sizes.changed(id);
  }

  private async receive(caller: ActingCaller, request: Request, response: Response): Promise<void> {
    const { id, path } = this.placeIn(request, caller);
    const { maxUploadBytes: maxBytes, uploadIdleSeconds } = this.config.files;
    if (Number(request.get('content-length') ?? 0) > maxBytes) throw fileTooLarge(maxBytes);
    const body = uploadOf(request, uploadIdleSeconds);
    const conditions = { maxBytes, ...conditionsOf(request) };
    const put = () => this.changes.put(id, path, body, conditions);
    const { isNew, etag } = await this.uploads.run({ key: id, owner: caller.ownerKey }, put);
    this.sizes.changed(id);
    response.status(isNew ? 201 : 204).setHeader('ETag', etag);
    if (isNew) response.setHeader('Location', request.path);
  }

  /** The router has decoded each component once. */
  private placeIn(request: Request, caller: ActingCaller): { id: string; path: SessionPath } {
    const { id, path } = request.params as unknown as { id: string; path: string[] };
    this.access.require(caller, id);
    return { id, path: pathOf(path) };
  }
}

function conditionsOf(request: Request): Conditions {
  return { ifMatch: request.get('if-match'), ifNoneMatch: request.get('if-none-match') };
}
