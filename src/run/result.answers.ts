import { ApiProperty, ApiSchema } from '@nestjs/swagger';
import {
  AGENT_ERROR_CODES,
  type AgentError,
  type AgentErrorCode,
} from '../provider/agent-error.js';
import { OUTCOMES, type Outcome } from '../provider/agent-result.js';
import type { UsageBody } from './result-body.js';

@ApiSchema({ name: 'AgentError', description: 'Why the agent failed.' })
export class AgentErrorBody implements AgentError {
  @ApiProperty({ enum: AGENT_ERROR_CODES })
  code!: AgentErrorCode;

  @ApiProperty({ type: String })
  message!: string;
}

@ApiSchema({ name: 'Usage', description: 'What a run has used; null what its CLI does not say.' })
export class UsageAnswer implements UsageBody {
  @ApiProperty({
    type: 'integer',
    nullable: true,
    description: 'All that went in, those from a cache among them.',
  })
  input_tokens!: number | null;

  @ApiProperty({ type: 'integer', nullable: true })
  cached_tokens!: number | null;

  @ApiProperty({ type: 'integer', nullable: true })
  output_tokens!: number | null;

  @ApiProperty({ type: Number, nullable: true })
  cost_usd!: number | null;

  @ApiProperty({ type: 'integer', nullable: true, description: 'How often the model was asked.' })
  turns!: number | null;

  @ApiProperty({ type: 'integer' })
  tool_calls!: number;
}

/** What an agent made of its run, without its last message, which lists leave out. */
export class ListedResult {
  @ApiProperty({
    enum: OUTCOMES,
    nullable: true,
    description: '`unknown` where its CLI does not say; null before the end.',
  })
  outcome!: Outcome | null;

  @ApiProperty({ type: () => AgentErrorBody, nullable: true })
  error!: AgentErrorBody | null;

  @ApiProperty({ type: () => UsageAnswer, nullable: true })
  usage!: UsageAnswer | null;
}
