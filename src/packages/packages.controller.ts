import {
  Body,
  Controller,
  Delete,
  Get,
  HttpCode,
  Param,
  Post,
  Put,
  Query,
  Req,
  Res,
  UseGuards,
} from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { Request, Response } from 'express';
import { BodyPipe } from '../common/body.pipe.js';
import { Places } from '../common/places.js';
import { Scopes } from '../identity/access.decorators.js';
import { Described } from '../openapi/described.decorator.js';
import {
  DependenciesRequest,
  OverlayEntriesRequest,
  RegisterPackageRequest,
  uploadOptionsOf,
} from './package-requests.js';
import { deletionBody, packageBody, packageListBody } from './package-view.js';
import { PackageBody, PackageDeletionBody, PackageListBody } from './package.answers.js';
import * as routes from './package.routes.js';
import { PackagesService } from './packages.service.js';
import type { StoredPackage } from './put-package.js';
import { PackageUploadService } from './upload/package-upload.service.js';
import { ActingUserGuard } from '../tenancy/acting-user.guard.js';

/** Uploads at a time, all of them administrators': each is unpacked as it comes. */
const UPLOADS = { all: 8, owner: 8, each: 8 };

/** The routes of scientific packages (contract, section 4). */
@ApiTags('packages')
@Controller('packages')
@UseGuards(ActingUserGuard)
export class PackagesController {
  private readonly places = new Places(UPLOADS);

  constructor(
    private readonly packages: PackagesService,
    private readonly uploads: PackageUploadService,
  ) {}

  /** `GET /packages`: all packages, and which one is active. */
  @Described(routes.LIST_PACKAGES)
  @Scopes('runs:read')
  @Get()
  async list(): Promise<PackageListBody> {
    return packageListBody(await this.packages.list());
  }

  /** `GET /packages/{id}`: one package. */
  @Described(routes.GET_PACKAGE)
  @Scopes('runs:read')
  @Get(':id')
  async get(@Param('id') id: string): Promise<PackageBody> {
    const { meta, activePackageId } = await this.packages.get(id);
    return packageBody(meta, activePackageId);
  }

  /** `POST /packages`: registers a folder of the server; 201, or 200 where the id was there already. */
  @Described(routes.REGISTER_PACKAGE)
  @Scopes('packages:write')
  @Post()
  async register(
    @Body(new BodyPipe(RegisterPackageRequest)) given: RegisterPackageRequest,
    @Res({ passthrough: true }) response: Response,
  ): Promise<PackageBody> {
    return stored(await this.packages.registerAllowed(given), response);
  }

  /**
   * `PUT /packages/{id}/archive?replace=&title=`: uploads a package as a tar.gz, which is the body itself;
   * 201, or 200 where it has replaced one.
   */
  @Described(routes.UPLOAD_PACKAGE)
  @Scopes('packages:write')
  @Put(':id/archive')
  async upload(
    @Param('id') rawId: string,
    @Query() query: Record<string, unknown>,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ): Promise<PackageBody> {
    const { replace, title } = uploadOptionsOf(query);
    const length = request.get('content-length');
    const declaredBytes = length === undefined ? null : Number(length);
    const upload = { rawId, body: request, declaredBytes, replace, title };
    const receive = () => this.uploads.receive(upload);
    return stored(await this.places.run({ key: rawId, owner: null }, receive), response);
  }

  /** `POST /packages/{id}/activate`: runs get it that nothing else decides. */
  @Described(routes.ACTIVATE_PACKAGE)
  @Scopes('packages:write')
  @Post(':id/activate')
  @HttpCode(200)
  async activate(@Param('id') id: string): Promise<PackageBody> {
    await this.packages.activate(id);
    return this.get(id);
  }

  /** `PUT /packages/{id}/overlay`: which top-level names go into a session; none stands for all. */
  @Described(routes.SET_OVERLAY)
  @Scopes('packages:write')
  @Put(':id/overlay')
  async setOverlayEntries(
    @Param('id') id: string,
    @Body(new BodyPipe(OverlayEntriesRequest)) { entries }: OverlayEntriesRequest,
  ): Promise<PackageBody> {
    await this.packages.setOverlayEntries(id, entries);
    return this.get(id);
  }

  /** `PUT /packages/{id}/dependencies`: which other packages are linked beside it. */
  @Described(routes.SET_DEPENDENCIES)
  @Scopes('packages:write')
  @Put(':id/dependencies')
  async setDependencies(
    @Param('id') id: string,
    @Body(new BodyPipe(DependenciesRequest)) { package_ids: ids }: DependenciesRequest,
  ): Promise<PackageBody> {
    await this.packages.setDependencies(id, ids);
    return this.get(id);
  }

  /** `DELETE /packages/{id}`: takes it out of the registry; says whether its files were removed too. */
  @Described(routes.DELETE_PACKAGE)
  @Scopes('packages:write')
  @Delete(':id')
  async delete(@Param('id') id: string): Promise<PackageDeletionBody> {
    return deletionBody(await this.packages.delete(id));
  }
}

function stored({ meta, activePackageId, isNew }: StoredPackage, response: Response): PackageBody {
  response.status(isNew ? 201 : 200);
  if (isNew) response.setHeader('Location', `/packages/${encodeURIComponent(meta.id)}`);
  return packageBody(meta, activePackageId);
}
