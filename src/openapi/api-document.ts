import { type INestApplication, Injectable } from '@nestjs/common';
import { openApiDocument } from './document.js';

/** The API document of this server: made when it is asked for first, since a start need not wait for it. */
@Injectable()
export class ApiDocument {
  private app: INestApplication | null = null;
  private text: string | null = null;

  /** Says whose routes it describes; to be called before anybody asks for it. */
  describe(app: INestApplication): void {
    this.app = app;
  }

  /**
   * As it is served.
   * @throws if a route of the application is not described
   */
  json(): string {
    if (this.app === null) throw new Error('It is not said what the API document describes.');
    return (this.text ??= JSON.stringify(openApiDocument(this.app)));
  }
}
