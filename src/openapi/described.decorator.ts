import { applyDecorators, SetMetadata, type Type } from '@nestjs/common';
import { ApiExtraModels } from '@nestjs/swagger';
import type { ErrorCode } from '../common/errors.js';
import type { Answer, RouteDescription, SentMessage } from './route-description.js';

/** Key of what `@Described` leaves on a handler. */
export const ROUTE = 'fermilink:route';
/** Key of what `@Refuses` leaves on a guard. */
export const REFUSALS = 'fermilink:refusals';

/** Key of what `@Sends` leaves on a provider. */
export const SENT = 'fermilink:sent';

/** Puts a route into the API document. A route without it makes the document fail. */
export function Described(route: RouteDescription): MethodDecorator {
  return applyDecorators(SetMetadata(ROUTE, route), ApiExtraModels(...typesOf(route)));
}

/** Says which problems a guard answers with, so that every route behind it has them in the document. */
export function Refuses(...codes: ErrorCode[]): ClassDecorator {
  return SetMetadata(REFUSALS, codes);
}

/** Puts into the API document what a provider sends of its own accord. */
export function Sends(message: SentMessage): ClassDecorator {
  return SetMetadata(SENT, message);
}

/** The class of a JSON body; undefined for another body, or none. */
export function bodyType({ body }: RouteDescription): Type | undefined {
  return typeof body === 'function' ? body : undefined;
}

function typesOf(route: RouteDescription): Type[] {
  const body = bodyType(route);
  return [...(body === undefined ? [] : [body]), ...Object.values(route.answers).flatMap(typesIn)];
}

function typesIn({ content }: Answer): Type[] {
  return Object.values(content).flatMap((it) => {
    if ('type' in it) return [it.type];
    if (!('events' in it)) return [];
    return Object.values(it.events).flatMap(({ data }) => (data === 'text' ? [] : data));
  });
}
