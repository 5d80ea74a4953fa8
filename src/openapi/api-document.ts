import { type INestApplication, Injectable } from '@nestjs/common';
import { openApiDocument } from './document.js';

/** The API document of this server, made once. */
@Injectable()
export class ApiDocument {
  /** As it is served. */
  json = '';

  /** @throws if a route of the application is not described */
  make(app: INestApplication): void {
    this.json = JSON.stringify(openApiDocument(app));
  }
}
