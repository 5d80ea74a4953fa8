import { join, relative } from 'node:path';
import { userHome } from '../../config/folders.js';
import {
  type ArgumentTemplate,
  LAUNCH_MODES,
  type Placeholder,
  placeholderOf,
  type ProviderDefinition,
} from '../../config/provider-definition.js';
import type { AgentAdapter, CredentialRules, LaunchContext } from '../agent-adapter.js';
import type { AgentHome } from '../homes/agent-home.js';
import { READINGS } from '../readings/index.js';
import { withoutCommand } from './slash-command.js';

const PROMPT_FILE = 'prompt.txt';

/** A CLI that is driven by what the administrator has written down of it, and nothing else. */
export function configuredAdapter(definition: ProviderDefinition): AgentAdapter {
  const { args, environment, prompt, slashCommands } = definition;
  return {
    id: definition.id,
    binary: definition.binary,
    credentials: rulesOf(definition),
    variables: () => environment.set,
    environmentFamilies: environment.families,
    politeSignal: definition.stopSignal,
    modes: new Set(LAUNCH_MODES.filter((mode) => args[mode] !== undefined)),
    reading: READINGS[definition.readingId],
    promptFile: prompt === 'file' ? PROMPT_FILE : undefined,
    invocation(context) {
      const templates = args[context.policy.sandboxMode ?? 'bypass'] ?? [];
      return { args: fill(templates, valuesOf(context)) };
    },
    stdin: slashCommands ? withoutCommand : undefined,
    home: loginHome(definition.credentials?.files ?? []),
  };
}

/** A home with nothing but the login, where that lies in the home of the server's user. */
function loginHome(files: readonly string[]): AgentHome | undefined {
  const home = userHome();
  const login = files.find((it) => home !== null && it.startsWith(`${home}/`));
  if (home === null || login === undefined) return undefined;
  const base = Promise.resolve({ variables: {}, at: (path: string) => join(home, path) });
  return {
    variables: {},
    credential: relative(home, login),
    settings: [],
    talks: [],
    find: () => base,
    findOrMake: () => base,
  };
}

function rulesOf({ credentials }: ProviderDefinition): CredentialRules | undefined {
  if (credentials === null) return undefined;
  return {
    isVariable: (name) => credentials.variables.includes(name),
    files: credentials.files,
    hint: 'set one of the variables, or make one of the files, that FERMILINK_PROVIDERS_FILE names',
  };
}

type Values = Readonly<Record<Placeholder, string | null>>;

function valuesOf({ policy, repoPath, tmpDir, homePath, launchFolder }: LaunchContext): Values {
  return {
    repo: repoPath,
    tmp: tmpDir,
    home: homePath,
    prompt_file: join(launchFolder, PROMPT_FILE),
    model: policy.model,
    effort: policy.reasoningEffort,
  };
}

function fill(templates: readonly ArgumentTemplate[], values: Values): string[] {
  const valueOf = (argument: string) => {
    const placeholder = placeholderOf(argument);
    return placeholder === null ? argument : values[placeholder];
  };
  return templates.flatMap((template) => {
    const group = typeof template === 'string' ? [template] : template;
    const filled = group.map(valueOf);
    return filled.every((it) => it !== null) ? filled : [];
  });
}
