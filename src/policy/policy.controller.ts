import { Body, Controller, Get, Headers, Put, Res, UseGuards } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { Response } from 'express';
import { Scopes } from '../identity/access.decorators.js';
import { Described } from '../openapi/described.decorator.js';
import type { ActingCaller } from '../tenancy/acting-caller.js';
import { CurrentCaller } from '../tenancy/current-caller.js';
import { policyInBody } from './policy-body.js';
import { PolicyEditor, type ShownPolicy } from './policy-editor.service.js';
import type { PolicyBody } from './policy.answers.js';
import { GET_POLICY, PUT_POLICY } from './policy.routes.js';
import { ActingUserGuard } from '../tenancy/acting-user.guard.js';

/** The policy of all runs, for administrators (contract, section 2). */
@ApiTags('policy')
@Controller('policy')
@UseGuards(ActingUserGuard)
export class PolicyController {
  constructor(private readonly editor: PolicyEditor) {}

  /** What is stored, and what holds. */
  @Described(GET_POLICY)
  @Scopes('ops:read')
  @Get()
  async show(@Res({ passthrough: true }) response: Response): Promise<PolicyBody> {
    return answered(await this.editor.show(), response);
  }

  /** Replaces what is stored; with `If-Match` only if it is still what the client has read. */
  @Described(PUT_POLICY)
  @Scopes('policy:write')
  @Put()
  async change(
    @CurrentCaller() { name, userId }: ActingCaller,
    @Body() body: unknown,
    @Headers('if-match') ifMatch: string | undefined,
    @Res({ passthrough: true }) response: Response,
  ): Promise<PolicyBody> {
    const policy = policyInBody(body);
    const by = userId === null ? String(name) : `${name} for ${userId}`;
    return answered(await this.editor.change({ policy, ifMatch, by }), response);
  }
}

function answered({ answer, tag }: ShownPolicy, response: Response): PolicyBody {
  response.setHeader('ETag', tag);
  response.setHeader('Cache-Control', 'no-cache');
  return answer;
}
