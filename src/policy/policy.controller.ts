import { Body, Controller, Get, Headers, Put, Res } from '@nestjs/common';
import type { Response } from 'express';
import { Scopes } from '../identity/access.decorators.js';
import type { ActingCaller } from '../tenancy/acting-caller.js';
import { CurrentCaller } from '../tenancy/current-caller.js';
import { policyInBody } from './policy-body.js';
import { PolicyAnswer } from './policy-answer.js';
import { PolicyEditor, type ShownPolicy } from './policy-editor.service.js';

/** The policy of all runs, for administrators (contract, section 2). */
@Controller('policy')
export class PolicyController {
  constructor(private readonly editor: PolicyEditor) {}

  /** What is stored, and what holds. */
  @Get()
  @Scopes('ops:read')
  async show(@Res({ passthrough: true }) response: Response): Promise<PolicyAnswer> {
    return answered(await this.editor.show(), response);
  }

  /** Replaces what is stored; with `If-Match` only if it is still what the client has read. */
  @Put()
  @Scopes('policy:write')
  async change(
    @CurrentCaller() { name }: ActingCaller,
    @Body() body: unknown,
    @Headers('if-match') ifMatch: string | undefined,
    @Res({ passthrough: true }) response: Response,
  ): Promise<PolicyAnswer> {
    const policy = policyInBody(body);
    return answered(
      await this.editor.change({ policy, ifMatch, by: name ?? 'anonymous' }),
      response,
    );
  }
}

function answered({ answer, tag }: ShownPolicy, response: Response): PolicyAnswer {
  response.setHeader('ETag', tag);
  response.setHeader('Cache-Control', 'no-cache');
  return answer;
}
