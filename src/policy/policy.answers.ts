import { ApiProperty, ApiSchema } from '@nestjs/swagger';
import {
  REASONING_EFFORTS,
  type ReasoningEffort,
  SANDBOX_MODES,
  SANDBOX_POLICIES,
  type SandboxMode,
  type SandboxPolicy,
} from '../config/environment.js';
import { ClosedBody } from '../openapi/body-schema.js';
import { POLICY_MEMBERS, type RunPolicy, type StoredPolicy } from '../provider/policy.js';

const nullable = { type: String, nullable: true } as const;
const POLICY = { ...nullable, enum: [...SANDBOX_POLICIES, null] };
const MODE = { ...nullable, enum: [...SANDBOX_MODES, null] };
const EFFORT = { ...nullable, enum: [...REASONING_EFFORTS, null] };

/** What `agent_runtime.json` says; null leaves a member to its default. */
@ApiSchema({ name: 'StoredPolicy' })
export class StoredPolicyBody implements StoredPolicy {
  @ApiProperty(nullable)
  provider!: string | null;

  @ApiProperty(POLICY)
  sandbox_policy!: SandboxPolicy | null;

  @ApiProperty(MODE)
  sandbox_mode!: SandboxMode | null;

  @ApiProperty(nullable)
  model!: string | null;

  @ApiProperty(EFFORT)
  reasoning_effort!: ReasoningEffort | null;
}

/** What `PUT /policy` takes. */
@ClosedBody()
@ApiSchema({ name: 'PolicyRequest' })
export class PolicyRequest extends StoredPolicyBody {
  @ApiProperty({ type: Number, enum: [1], required: false, description: 'As it is in the file.' })
  version?: number;

  @ApiProperty({
    ...nullable,
    required: false,
    description: 'As it is in the file; set anew, whatever is given.',
  })
  updated_at?: string | null;
}

/** The policy of a run that asks for nothing. */
@ApiSchema({ name: 'EffectivePolicy' })
export class EffectivePolicyBody {
  @ApiProperty({ type: String })
  provider!: string;

  @ApiProperty({ enum: SANDBOX_POLICIES })
  sandbox_policy!: SandboxPolicy;

  @ApiProperty({ ...MODE, description: 'Null where there is no sandbox.' })
  sandbox_mode!: SandboxMode | null;

  @ApiProperty(nullable)
  model!: string | null;

  @ApiProperty(EFFORT)
  reasoning_effort!: ReasoningEffort | null;
}

/** What `GET /policy` and `PUT /policy` answer. */
@ApiSchema({ name: 'Policy' })
export class PolicyBody {
  @ApiProperty({
    type: () => StoredPolicyBody,
    nullable: true,
    description: 'Null where there is no file, or it is not valid.',
  })
  stored!: StoredPolicyBody | null;

  @ApiProperty({
    type: () => EffectivePolicyBody,
    nullable: true,
    description: 'What a run gets that asks for nothing; null where none can be started.',
  })
  effective!: EffectivePolicyBody | null;

  @ApiProperty({
    enum: POLICY_MEMBERS,
    isArray: true,
    description: 'Members that the environment of the server decides, whatever is stored.',
  })
  overridden_by_environment!: string[];

  @ApiProperty({ ...nullable, description: 'When the file was written, as it says itself.' })
  updated_at!: string | null;

  @ApiProperty({
    ...nullable,
    description: 'What is wrong with the file; meanwhile the last valid policy holds.',
  })
  problem!: string | null;
}

/** A policy by the names of `agent_runtime.json`. */
export function effectiveBody(policy: RunPolicy): EffectivePolicyBody {
  return {
    provider: policy.provider,
    sandbox_policy: policy.sandboxPolicy,
    sandbox_mode: policy.sandboxMode,
    model: policy.model,
    reasoning_effort: policy.reasoningEffort,
  };
}
