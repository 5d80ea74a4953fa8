import { SetMetadata } from '@nestjs/common';
import type { Scope } from './scopes.js';

/** Who may use a route. */
export type Access =
  | { readonly kind: 'public' }
  | { readonly kind: 'ops' }
  | { readonly kind: 'scopes'; readonly scopes: readonly Scope[] };

/** Key of the metadata that the decorators below leave. A handler's own stand before its controller's. */
export const ACCESS = 'fermilink:access';

type AccessDecorator = ClassDecorator & MethodDecorator;

/** The route wants a caller with all of these scopes. */
export function Scopes(...scopes: [Scope, ...Scope[]]): AccessDecorator {
  return SetMetadata(ACCESS, { kind: 'scopes', scopes } satisfies Access);
}

/** The route is open to everybody, whoever and from wherever: for what holds nothing of anybody. */
export function Public(): AccessDecorator {
  return SetMetadata(ACCESS, { kind: 'public' } satisfies Access);
}

/** The route wants a caller with `ops:read`, or the metrics token. */
export function OpsAccess(): AccessDecorator {
  return SetMetadata(ACCESS, { kind: 'ops' } satisfies Access);
}
