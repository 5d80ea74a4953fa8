/** A CLI as the tests of this project drive it. */
export interface TestedCli {
  /** Its package in npm's registry. */
  readonly package: string;
  /** The newest last. */
  readonly versions: readonly string[];
}

/** What `npm run test:agents` has driven, by provider. Others may work as well; nobody has seen it. */
export const TESTED_CLIS: Readonly<Record<string, TestedCli>> = {
  codex: { package: '@openai/codex', versions: ['0.169.0'] },
  claude: { package: '@anthropic-ai/claude-code', versions: ['2.1.332'] },
  gemini: { package: '@google/gemini-cli', versions: ['0.61.0'] },
  opencode: { package: 'opencode-ai', versions: ['1.18.33'] },
};
