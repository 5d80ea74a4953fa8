import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ReasoningEffort } from '../../src/config/environment.js';
import type { ToolUse } from '../support/model-server/script.js';
import { PINNED_VERSIONS } from '../support/pinned-versions.js';
import { PROJECT } from '../support/runner.js';

export const AGENT_IDS = ['codex', 'claude', 'gemini', 'opencode'] as const;
export type AgentId = (typeof AGENT_IDS)[number];

/** What a CLI counts besides tokens. */
export interface AgentCounts {
  turns: boolean;
  cost: boolean;
}

/** What a test has to know of one CLI. */
export interface AgentCli {
  id: AgentId;
  /** Its package on npm. */
  npmPackage: string;
  /** A model that it knows, as the policy names it, and as the request to the model does. */
  model: { policy: string; request: string };
  /** What the request to that model has for each effort. */
  efforts: Readonly<Record<ReasoningEffort, string | number>>;
  /** Whether it runs commands in the workspace in the mode workspace-write. */
  runsCommands: boolean;
  /** What it says of what a talk has used. */
  counts: AgentCounts;
  /** What it asks of the network in every run, as `host:port`. */
  needs: readonly string[];
  /** The variable with the key for its models. */
  keyVariable: string;
  /** Whether it keeps that key from its tools. */
  hidesKey: boolean;
  /** Refusals of the model after which it tries again for longer than a test waits. */
  retriesForLong: readonly number[];
  /** What it says when the model refuses. */
  refusal: RegExp;
  /** What it has to leave a mode in which it only plans, once for each mode that it is begun in. */
  planning?: Readonly<Record<string, readonly ToolUse[]>>;
  /** What a server has in its environment whose agents are to ask a certain model server, but the key. */
  environment(home: string, modelUrl: string): Record<string, string>;
}

const codex: AgentCli = {
  id: 'codex',
  npmPackage: '@openai/codex',
  model: { policy: 'mock-model', request: 'mock-model' },
  efforts: { low: 'low', medium: 'medium', high: 'high', xhigh: 'xhigh' },
  runsCommands: true,
  counts: { turns: false, cost: false },
  needs: [],
  hidesKey: true,
  retriesForLong: [],
  refusal: /"type":"turn.failed"/,
  keyVariable: 'OPENAI_API_KEY',

  environment(home, modelUrl) {
    const codexHome = join(home, 'codex');
    mkdirSync(codexHome);
    writeFileSync(
      join(codexHome, 'config.toml'),
      `model = "mock-model"
model_provider = "mock"

[model_providers.mock]
name = "mock"
base_url = "${modelUrl}/v1"
wire_api = "responses"
env_key = "OPENAI_API_KEY"
`,
    );
    return { CODEX_HOME: codexHome };
  },
};

const claude: AgentCli = {
  id: 'claude',
  npmPackage: '@anthropic-ai/claude-code',
  model: { policy: 'claude-opus-5-5', request: 'claude-opus-5-5' },
  efforts: { low: 'low', medium: 'medium', high: 'high', xhigh: 'xhigh' },
  runsCommands: true,
  counts: { turns: true, cost: true },
  needs: [],
  hidesKey: false,
  retriesForLong: [],
  refusal: /"is_error":true/,
  keyVariable: 'ANTHROPIC_API_KEY',
  planning: { 'read-only': [{ tool: 'ExitPlanMode', args: { plan: 'Write.' } }] },
  environment: (_home, modelUrl) => ({
    ANTHROPIC_BASE_URL: modelUrl,
  }),
};

const GEMINI_PLAN = {
  begin: { tool: 'enter_plan_mode', args: { reason: 'It needs a plan.' } },
  write: { write: 'plan.md', content: 'Write.\n' },
  leave: { tool: 'exit_plan_mode', args: { plan_filename: 'plan.md' } },
};

const gemini: AgentCli = {
  id: 'gemini',
  npmPackage: '@google/gemini-cli',
  model: { policy: 'gemini-2.5-flash', request: 'gemini-2.5-flash' },
  efforts: { low: 1024, medium: 4096, high: 8192, xhigh: 16_384 },
  runsCommands: false,
  counts: { turns: false, cost: false },
  needs: [],
  hidesKey: false,
  retriesForLong: [],
  refusal: /"status":"error"/,
  keyVariable: 'GEMINI_API_KEY',
  planning: {
    'read-only': [GEMINI_PLAN.write, GEMINI_PLAN.leave],
    'workspace-write': [GEMINI_PLAN.begin, GEMINI_PLAN.write, GEMINI_PLAN.leave],
  },

  environment(home, modelUrl) {
    // Without this it takes a server of models that is not Google's for one that needs no key.
    const security = { auth: { selectedType: 'gemini-api-key' } };
    // Otherwise it asks a model which model to ask.
    const settings = { security, model: { name: 'gemini-2.5-flash' } };
    mkdirSync(join(home, '.gemini'));
    writeFileSync(join(home, '.gemini', 'settings.json'), JSON.stringify(settings));
    return { GOOGLE_GEMINI_BASE_URL: modelUrl };
  },
};

const opencode: AgentCli = {
  id: 'opencode',
  npmPackage: 'opencode-ai',
  model: { policy: 'mock/mock-model', request: 'mock-model' },
  efforts: { low: 'low', medium: 'medium', high: 'high', xhigh: 'high' },
  runsCommands: false,
  counts: { turns: true, cost: true },
  needs: [],
  hidesKey: false,
  retriesForLong: [429, 500],
  refusal: /"type":"error"/,
  keyVariable: 'OPENCODE_MOCK_KEY',

  environment(_home, modelUrl) {
    const provider = {
      npm: '@ai-sdk/openai-compatible',
      name: 'mock',
      options: { baseURL: `${modelUrl}/v1`, apiKey: '{env:OPENCODE_MOCK_KEY}' },
      models: { 'mock-model': { name: 'mock', reasoning: true, tool_call: true } },
    };
    const config = { provider: { mock: provider }, model: 'mock/mock-model' };
    return { OPENCODE_CONFIG_CONTENT: JSON.stringify(config) };
  },
};

export const AGENT_CLIS: Readonly<Record<AgentId, AgentCli>> = { codex, claude, gemini, opencode };

/** Where the program of a CLI is, once it is installed. */
export function programOf({ id }: AgentCli): string {
  return join(PROJECT, '.cache', 'agents', 'node_modules', '.bin', id);
}

/** The version of a CLI that is pinned. */
export function pinnedVersion({ npmPackage }: AgentCli): string {
  return PINNED_VERSIONS[npmPackage]!;
}
