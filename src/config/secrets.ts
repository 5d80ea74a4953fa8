import { absolute } from './folders.js';
import { readSmallFile } from './small-file.js';

/** Variables whose value is never shown, and which may also be given as a file (`…_FILE`). */
const SECRETS = new Set([
  'FERMILINK_RUNNER_METRICS_TOKEN',
  'FERMILINK_RUNNER_WEBHOOK_SECRET',
  'FERMILINK_CODEX_API_KEY',
  'FERMILINK_OPENAI_API_KEY',
]);
const MAX_SECRET_BYTES = 64 * 1024;

/** Puts the content of the files that `…_FILE` names in the place of the secrets themselves. */
export function withSecretFiles(
  env: Readonly<Record<string, string | undefined>>,
  faults: string[],
): Readonly<Record<string, string | undefined>> {
  const all = { ...env };
  for (const name of SECRETS) {
    const path = env[`${name}_FILE`]?.trim();
    if (path === undefined || path === '') continue;
    if ((env[name] ?? '').trim() !== '') {
      faults.push(`${name}_FILE is set, but ${name} is too; it must be only one of them.`);
      continue;
    }
    try {
      const content = readSmallFile(absolute(path, path), MAX_SECRET_BYTES);
      if (content.trim() === '') throw new Error('it is empty');
      all[name] = content.trim();
    } catch {
      const rule = `must be a readable file of 1 to ${MAX_SECRET_BYTES} bytes`;
      faults.push(`${name}_FILE is ${JSON.stringify(path)}, but it ${rule}.`);
    }
  }
  return all;
}

/** Whether a variable names the file of a secret. */
export function isSecretFile(variable: string): boolean {
  return variable.endsWith('_FILE') && SECRETS.has(variable.slice(0, -'_FILE'.length));
}

/** That a secret breaks a rule, without its value; null if the variable is none. */
export function secretFault(
  variable: string,
  rule: string,
  env: Readonly<Record<string, string | undefined>>,
): string | null {
  if (!SECRETS.has(variable)) return null;
  const file = env[`${variable}_FILE`]?.trim() ?? '';
  if (file === '') return `${variable} is set, but it ${rule}.`;
  return `${variable}_FILE is ${JSON.stringify(file)}, but what it holds ${rule}.`;
}
