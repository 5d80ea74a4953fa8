// web-page.mjs ENTRY URL: loads a module, and all that it imports, as a page would: in a context that has
// the language and a few parts of the web platform, and nothing of Node. Then it follows a run there.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import vm from 'node:vm';

const [entry, url] = process.argv.slice(2);
const say = (line) => process.stdout.write(`${line}\n`);
const page = vm.createContext({
  ...{ fetch, Response, URL, URLSearchParams, TextDecoder, TextEncoder, ReadableStream, Blob },
  ...{ AbortController, AbortSignal, setTimeout, clearTimeout, performance, crypto },
  say,
});

const loaded = new Map();
function load(path) {
  if (!loaded.has(path)) {
    const source = readFileSync(path, 'utf8');
    loaded.set(path, new vm.SourceTextModule(source, { context: page, identifier: path }));
  }
  return loaded.get(path);
}
function find(specifier, { identifier }) {
  if (specifier.startsWith('.')) return load(resolve(dirname(identifier), specifier));
  // A page has no parts of Node; what else has a name is a package.
  if (specifier.startsWith('node:')) throw new Error(`${identifier} wants ${specifier}`);
  const main = createRequire(pathToFileURL(identifier)).resolve(specifier);
  return load(main.replace(/\.cjs$/, '.js'));
}

const script = new vm.SourceTextModule(
  `import { RunnerClient } from ${JSON.stringify(entry)};
   const client = new RunnerClient({ baseUrl: ${JSON.stringify(url)} });
   const run = client.run({ user_prompt: 'echo hello from a page' });
   for await (const { id, event, data } of run) say(JSON.stringify([id, event, data]));
   say(JSON.stringify([typeof process, typeof require, typeof Buffer]));`,
  { context: page, identifier: entry },
);
await script.link((specifier, referrer) =>
  specifier === entry ? load(entry) : find(specifier, referrer),
);
await script.evaluate();
