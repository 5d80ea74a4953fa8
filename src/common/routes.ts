import type { Request } from 'express';

/** The part of Express's router that says which routes there are. */
interface Layer {
  match(path: string): boolean;
  route?: { methods: Record<string, boolean> };
}

/** The methods that are served at the path of a request, in upper case; empty for an unknown path. */
export function allowedMethods(request: Request): string[] {
  const layers = (request.app as unknown as { router: { stack: Layer[] } }).router.stack;
  const methods = new Set<string>();
  for (const layer of layers) {
    if (layer.route === undefined || !matches(layer, request.path)) continue;
    for (const method of Object.keys(layer.route.methods)) methods.add(method.toUpperCase());
    if (methods.has('GET')) methods.add('HEAD');
  }
  return [...methods].sort();
}

function matches(layer: Layer, path: string): boolean {
  try {
    return layer.match(path);
  } catch {
    // A path that cannot be decoded matches nothing.
    return false;
  }
}
