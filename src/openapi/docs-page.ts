import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/**
 * What the page may do: its own scripts, its own requests, nothing from anywhere else. The user interface
 * sets styles on its elements, and its pictures are in its style sheet.
 */
export const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/**
 * Starts the user interface; it finds the document beside the page, whatever stands before its path. By itself
 * it would encode the slashes of what is the rest of a path (`x-rest-of-path`), and offer to choose a file for
 * some types of bodies alone.
 */
const START = `const here = document.currentScript.src;
const restOfPath = /(\\/sessions\\/[^/]+\\/files\\/)([^?#]+)/;
SwaggerUIBundle({
  url: new URL('../openapi.json', here).href,
  dom_id: '#page',
  deepLinking: true,
  displayOperationId: true,
  displayRequestDuration: true,
  validatorUrl: null,
  persistAuthorization: false,
  fileUploadMediaTypes: ['application/octet-stream', 'application/gzip'],
  requestInterceptor: (request) => {
    request.url = request.url.replace(
      restOfPath,
      (all, place, rest) => place + rest.replaceAll('%2F', '/'),
    );
    return request;
  },
  presets: [SwaggerUIBundle.presets.apis],
});
`;

/** A file of the page. */
interface Asset {
  readonly mediaType: string;
  content(): Buffer;
}

/** The page as HTML. @param folder where its files are, relative to it */
export function docsPage(folder: string): string {
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>FermiLink Runner</title>
    <link rel="icon" href="${folder}/favicon-32x32.png">
    <link rel="stylesheet" href="${folder}/swagger-ui.css">
  </head>
  <body>
    <div id="page"></div>
    <script src="${folder}/swagger-ui-bundle.js"></script>
    <script src="${folder}/start.js"></script>
  </body>
</html>
`;
}

export const ASSETS: ReadonlyMap<string, Asset> = new Map([
  ['swagger-ui.css', packaged('swagger-ui.css', 'text/css; charset=utf-8')],
  ['swagger-ui-bundle.js', packaged('swagger-ui-bundle.js', 'text/javascript; charset=utf-8')],
  ['favicon-32x32.png', packaged('favicon-32x32.png', 'image/png')],
  ['start.js', { mediaType: 'text/javascript; charset=utf-8', content: () => Buffer.from(START) }],
]);

/** A file of the user interface, which comes with the framework's module; read when it is first asked for. */
function packaged(name: string, mediaType: string): Asset {
  let content: Buffer | null = null;
  return { mediaType, content: () => (content ??= readFileSync(join(folderOfPackage(), name))) };
}

function folderOfPackage(): string {
  const swagger = createRequire(import.meta.url).resolve('@nestjs/swagger/package.json');
  return dirname(createRequire(swagger).resolve('swagger-ui-dist/package.json'));
}
