/** The file in a workspace that tells every agent the administrator's rules. */
export const INSTRUCTION_FILE = 'AGENTS.md';

/** The name under which a CLI that the project knows looks for those rules, where it does not read `AGENTS.md`. */
export const INSTRUCTION_ALIASES: Readonly<Record<string, string>> = {
  claude: 'CLAUDE.md',
  gemini: 'GEMINI.md',
};
