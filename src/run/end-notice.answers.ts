import { ApiProperty, ApiSchema } from '@nestjs/swagger';
import { inHeader, type SentMessage } from '../openapi/route-description.js';
import { TIME } from '../openapi/schemas.js';
import { RunBody } from './run.answers.js';

/** What the webhook is sent at the end of a run. */
@ApiSchema({ name: 'RunEnded' })
export class RunEndedBody {
  @ApiProperty({ description: 'The `webhook-id`: the same in every try.' })
  id!: string;

  @ApiProperty({ type: String, enum: ['run.ended'] })
  type!: 'run.ended';

  @ApiProperty({ ...TIME, description: 'When it was made.' })
  created_at!: string;

  @ApiProperty({ type: () => RunBody, description: 'As `GET /runs/{id}` has it.' })
  data!: RunBody;
}

/** The message of the end of a run, as the API document has it. */
export const RUN_ENDED: SentMessage = {
  name: 'run.ended',
  id: 'runEnded',
  tag: 'runs',
  summary: 'The end of a run, told to FERMILINK_RUNNER_WEBHOOK_URL',
  description:
    'At least once, and in no certain order, signed as Standard Webhooks has it. What is not taken is sent again, with more and more time between the tries.',
  parameters: [
    inHeader('webhook-id', 'The same in every try: who has seen it ignores it.'),
    inHeader('webhook-timestamp', 'When this try was made, in seconds since 1970.'),
    inHeader(
      'webhook-signature',
      '`v1,` and the HMAC-SHA256 of `ID.TIMESTAMP.BODY` in base64, by the secret that both sides know.',
    ),
  ].map((it) => ({ ...it, required: true })),
  body: RunEndedBody,
  answers: {
    '2XX': 'It is taken.',
    '410': 'It is not wanted, and not sent again.',
    default: 'It is sent again later, and not before a Retry-After.',
  },
};
