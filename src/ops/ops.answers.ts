import { ApiExtraModels, ApiProperty, ApiSchema } from '@nestjs/swagger';
import { COUNT, TIME } from '../openapi/schemas.js';
import type { Credentials } from '../provider/credentials.js';
import type { Concurrency } from './concurrency.js';
import type { Preflight, ProviderPreflight, SandboxPreflight } from './preflight.js';

/** What `GET /ops/admission` answers (contract, section 1). */
@ApiSchema({ name: 'Admission' })
export class AdmissionBody {
  @ApiProperty({ type: String, description: 'As whom the run would count.' })
  user_key!: string;

  @ApiProperty({ type: Boolean, description: 'A run would start at once.' })
  can_run_now!: boolean;

  @ApiProperty(COUNT)
  per_user_active!: number;

  @ApiProperty(COUNT)
  per_user_pending!: number;

  @ApiProperty(COUNT)
  active_total!: number;

  @ApiProperty(COUNT)
  pending_total!: number;

  @ApiProperty(COUNT)
  global_limit!: number;

  @ApiProperty(COUNT)
  per_user_limit!: number;

  @ApiProperty(TIME)
  timestamp_utc!: string;
}

@ApiSchema({ name: 'Concurrency' })
export class ConcurrencyBody implements Concurrency {
  @ApiProperty(COUNT)
  active_total!: number;

  @ApiProperty(COUNT)
  global_limit!: number;

  @ApiProperty({ type: Number, minimum: 0, description: 'A ratio: 1 is all of it.' })
  global_utilization!: number;

  @ApiProperty(COUNT)
  pending_total!: number;

  @ApiProperty({ type: Boolean })
  queue_bounded!: boolean;

  @ApiProperty({ ...COUNT, nullable: true, description: 'Null for a queue without a bound.' })
  queue_capacity!: number | null;

  @ApiProperty({
    type: Number,
    minimum: 0,
    nullable: true,
    description: 'A ratio; null for a queue without a bound.',
  })
  queue_utilization!: number | null;

  @ApiProperty(COUNT)
  per_user_limit!: number;

  @ApiProperty(TIME)
  timestamp_utc!: string;
}

@ApiSchema({ name: 'Credentials' })
export class CredentialsBody implements Credentials {
  @ApiProperty({ type: Boolean, nullable: true, description: 'Null where nobody can say.' })
  present!: boolean | null;

  @ApiProperty({ enum: ['environment', 'file'], nullable: true })
  source!: 'environment' | 'file' | null;
}

@ApiSchema({ name: 'Sandbox' })
export class SandboxBody implements SandboxPreflight {
  @ApiProperty({
    enum: ['contained', 'rules'],
    description: 'Whether the system holds tools in it, or the CLI itself keeps to rules.',
  })
  kind!: 'contained' | 'rules';

  @ApiProperty({ type: Boolean, nullable: true })
  works!: boolean | null;

  @ApiProperty({ type: [String] })
  modes!: string[];
}

@ApiSchema({ name: 'Provider' })
export class ProviderBody implements ProviderPreflight {
  @ApiProperty({ type: String })
  id!: string;

  @ApiProperty({ type: Boolean, description: 'Runs get this one.' })
  configured!: boolean;

  @ApiProperty({ type: Boolean, description: 'Runs can be expected to work with it.' })
  works!: boolean;

  @ApiProperty({ type: Boolean })
  found!: boolean;

  @ApiProperty({ type: String, nullable: true, description: 'The program that would be started.' })
  path!: string | null;

  @ApiProperty({ type: String, nullable: true })
  version!: string | null;

  @ApiProperty({ type: Boolean, nullable: true })
  tested!: boolean | null;

  @ApiProperty({ type: [String] })
  tested_versions!: string[];

  @ApiProperty({ type: () => CredentialsBody })
  credentials!: CredentialsBody;

  @ApiProperty({ type: () => SandboxBody })
  sandbox!: SandboxBody;

  @ApiProperty({ type: [String], description: 'What is in the way, and what to do.' })
  problems!: string[];

  @ApiProperty({ type: [String], description: 'What is worth knowing.' })
  notes!: string[];
}

@ApiSchema({ name: 'Providers' })
export class ProvidersBody implements Preflight {
  @ApiProperty({ type: String, nullable: true, description: 'Null while the policy is not valid.' })
  configured_provider!: string | null;

  @ApiProperty({ type: Boolean, description: 'Whether a run could start with it.' })
  works!: boolean;

  @ApiProperty({ type: String, nullable: true })
  problem!: string | null;

  @ApiProperty({ type: () => [ProviderBody] })
  providers!: ProviderBody[];

  @ApiProperty(TIME)
  timestamp_utc!: string;
}

@ApiSchema({ name: 'HealthCheck' })
export class CheckBody {
  @ApiProperty({ enum: ['up', 'down'] })
  status!: 'up' | 'down';

  @ApiProperty({ type: String, required: false, description: 'What is wrong, and what to do.' })
  message?: string;
}

const CHECKS = {
  type: 'object',
  additionalProperties: { $ref: '#/components/schemas/HealthCheck' },
} as const;

@ApiExtraModels(CheckBody)
@ApiSchema({ name: 'Health' })
export class HealthBody {
  @ApiProperty({ enum: ['ok', 'error'] })
  status!: 'ok' | 'error';

  @ApiProperty({ ...CHECKS, description: 'The checks that hold.' })
  info!: Record<string, CheckBody>;

  @ApiProperty({ ...CHECKS, description: 'Those that do not.' })
  error!: Record<string, CheckBody>;

  @ApiProperty({ ...CHECKS, description: 'All of them.' })
  details!: Record<string, CheckBody>;
}
