/**
 * For CLIs that take a prompt which begins with a slash as one of their own commands: gives it a first
 * line before which no command can stand, so that the model gets it as text.
 */
export function withoutCommand(prompt: string): string {
  return prompt.trimStart().startsWith('/') ? `Request:\n${prompt}` : prompt;
}
