import {
  type ArgumentTemplate,
  LAUNCH_MODES,
  OPTIONAL_PLACEHOLDERS,
  placeholderOf,
  PLACEHOLDERS,
  type ProviderDefinition,
} from './provider-definition.js';
import type { Walk } from './providers-walk.js';

const TEXT = /^[^\0]*$/;
/** Looks like a placeholder, whether or not there is such a one. */
const IN_BRACES = /^\{[a-z_]+\}$/;
const HOLDS_PLACEHOLDER = new RegExp(`\\{(${PLACEHOLDERS.join('|')})\\}`);

/** Checks the arguments of a provider, by mode. */
export function argumentsOf(
  value: unknown,
  path: string,
  prompt: ProviderDefinition['prompt'],
  walk: Walk,
): ProviderDefinition['args'] {
  const given = walk.object(value, path, LAUNCH_MODES);
  if (given === null) return {};
  const modes = LAUNCH_MODES.filter((mode) => given[mode] !== undefined);
  if (modes.length === 0) {
    walk.fault(path, `must have at least one of: ${LAUNCH_MODES.join(', ')}`);
  }
  return Object.fromEntries(
    modes.map((mode) => [mode, templatesOf(given[mode], `${path}.${mode}`, prompt, walk)]),
  );
}

function templatesOf(
  value: unknown,
  path: string,
  prompt: ProviderDefinition['prompt'],
  walk: Walk,
): ArgumentTemplate[] {
  const items = walk.list(value, path);
  if (items === null) return [];
  const templates = items.map((item, at) => templateOf(item, `${path}[${at}]`, walk));
  const hasFile = templates.flat().some((it) => placeholderOf(it) === 'prompt_file');
  if (prompt === 'file' && !hasFile) {
    walk.fault(path, 'must have the argument {prompt_file}, since the prompt is given as a file');
  }
  if (prompt === 'stdin' && hasFile) {
    walk.fault(path, 'must not have {prompt_file}, since the prompt is given on stdin');
  }
  return templates;
}

function templateOf(item: unknown, path: string, walk: Walk): ArgumentTemplate {
  if (!Array.isArray(item)) {
    const text = argumentOf(item, path, walk);
    const placeholder = placeholderOf(text);
    if (placeholder !== null && OPTIONAL_PLACEHOLDERS.includes(placeholder)) {
      walk.fault(
        path,
        `must stand in a list of its own with its option, such as ["--option", "${text}"], which is left out where there is none`,
      );
    }
    return text;
  }
  return item.map((it: unknown, at) => argumentOf(it, `${path}[${at}]`, walk));
}

function argumentOf(item: unknown, path: string, walk: Walk): string {
  const text = walk.text(item, path, TEXT, 'must be a text without NUL, or a list of such') ?? '';
  if (placeholderOf(text) !== null) return text;
  if (IN_BRACES.test(text)) {
    const all = PLACEHOLDERS.map((name) => `{${name}}`).join(', ');
    walk.fault(path, `must be one of ${all}, or not look like one`);
  } else if (HOLDS_PLACEHOLDER.test(text)) {
    walk.fault(path, 'must not have a placeholder as a part: a placeholder is a whole argument');
  }
  return text;
}
