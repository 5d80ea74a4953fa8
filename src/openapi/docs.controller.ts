import { Controller, Get, Header, Inject, Param, Req, Res, StreamableFile } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { Request, Response } from 'express';
import { RunnerError } from '../common/errors.js';
import { Public } from '../identity/access.decorators.js';
import { ApiDocument } from './api-document.js';
import { Described } from './described.decorator.js';
import { DOCS_ASSET, DOCS_PAGE, DOCUMENT } from './docs.routes.js';
import { ASSETS, docsPage, PAGE_POLICY } from './docs-page.js';

/** The API document, and a page to try it; nothing in them is secret. */
@ApiTags('document')
@Public()
@Controller()
export class DocsController {
  constructor(@Inject(ApiDocument) private readonly document: ApiDocument) {}

  /** The OpenAPI 3.1 document. */
  @Described(DOCUMENT)
  @Get('openapi.json')
  @Header('Content-Type', 'application/json; charset=utf-8')
  json(): string {
    return this.document.json();
  }

  /** The page; it asks no other host for anything. */
  @Described(DOCS_PAGE)
  @Get('docs')
  @Header('Content-Type', 'text/html; charset=utf-8')
  @Header('Content-Security-Policy', PAGE_POLICY)
  @Header('X-Content-Type-Options', 'nosniff')
  @Header('Referrer-Policy', 'no-referrer')
  page(@Req() { path }: Request): string {
    return docsPage(path.endsWith('/') ? '.' : './docs');
  }

  /** What the page is made of. */
  @Described(DOCS_ASSET)
  @Get('docs/:asset')
  @Header('X-Content-Type-Options', 'nosniff')
  @Header('Cache-Control', 'public, max-age=3600')
  asset(
    @Param('asset') name: string,
    @Res({ passthrough: true }) response: Response,
  ): StreamableFile {
    const asset = ASSETS.get(name);
    if (asset === undefined) {
      response.removeHeader('Cache-Control');
      throw new RunnerError('not_found', 'There is nothing at this path.');
    }
    return new StreamableFile(asset.content(), { type: asset.mediaType });
  }
}
