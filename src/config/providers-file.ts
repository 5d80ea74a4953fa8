import { PROVIDER_IDS } from './environment.js';
import { absolute, nameOrPath } from './folders.js';
import { argumentsOf } from './provider-arguments.js';
import {
  type CredentialPlaces,
  PROMPT_WAYS,
  type ProviderDefinition,
  READING_IDS,
  STOP_SIGNALS,
} from './provider-definition.js';
import { Walk } from './providers-walk.js';
import { readSmallFile } from './small-file.js';

const VARIABLE = 'FERMILINK_PROVIDERS_FILE';
const MAX_FILE_BYTES = 256 * 1024;

const PROVIDER_MEMBERS = [
  'binary',
  'args',
  'prompt',
  'slash_commands',
  'environment',
  'stop_signal',
  'instructions_alias',
  'reading',
  'credentials',
];
const ID = /^[a-z][a-z0-9_-]{0,63}$/;
const NAME_OR_PATH = /^(?!\s*$)[^\0]+$/;
const VARIABLE_NAME = /^(?!FERMILINK_)[A-Za-z_][A-Za-z0-9_]*$/;
/** These are the run's own. */
const SET_VARIABLE_NAME = /^(?!FERMILINK_|TMPDIR$)[A-Za-z_][A-Za-z0-9_]*$/;
/** With the dash below the name, so that no letter alone hands on half of the server's environment. */
const FAMILY = /^(?!FERMILINK_)[A-Za-z][A-Za-z0-9_]*_$/;
const ALIAS = /^(?!AGENTS\.md$)[A-Za-z0-9_-]{1,64}\.md$/;
const HOME_OR_ABSOLUTE = /^~?\/[^\0]*$/;

/**
 * Reads the providers that the administrator has defined. Each fault becomes a sentence; it never shows
 * a value, which may be a secret.
 */
export function readProvidersFile(path: string, faults: string[]): ProviderDefinition[] {
  let text: string;
  try {
    text = readSmallFile(path, MAX_FILE_BYTES);
  } catch {
    const rule = `must be a readable file of at most ${MAX_FILE_BYTES} bytes`;
    faults.push(`${VARIABLE} is ${JSON.stringify(path)}, but it ${rule}.`);
    return [];
  }
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    faults.push(`${VARIABLE} is ${JSON.stringify(path)}, but what it holds must be JSON.`);
    return [];
  }
  return providersOf(document, faults);
}

/** Makes the definitions of a parsed providers file, and a sentence for each member that breaks its rule. */
export function providersOf(document: unknown, faults: string[]): ProviderDefinition[] {
  const walk = new Walk((path, rule) => {
    faults.push(`${VARIABLE}: ${path === '' ? 'what it holds' : path} ${rule}.`);
  });
  const root = walk.object(document, '', ['$schema', 'version', 'providers']);
  if (root === null) return [];
  if (root.$schema !== undefined) walk.text(root.$schema, '$schema', /^/, 'must be a text');
  if (root.version !== undefined && root.version !== 1) walk.fault('version', 'must be 1');
  const rule = 'must be an object with a member for each provider';
  return walk
    .entries(root.providers, 'providers', rule)
    .flatMap(([id, value]) => providerOf(id, value, walk) ?? []);
}

function providerOf(id: string, value: unknown, walk: Walk): ProviderDefinition | null {
  const path = `providers.${id}`;
  if (!ID.test(id)) {
    walk.fault(
      path,
      'must have a name of a-z, 0-9, _ and -, that begins with a letter (at most 64)',
    );
  } else if (PROVIDER_IDS.some((it) => it === id)) {
    walk.fault(
      path,
      'must have another name: this one is of a provider that the runner brings along',
    );
  }
  const given = walk.object(value, path, PROVIDER_MEMBERS);
  if (given === null) return null;
  const at = (member: string) => `${path}.${member}`;
  const binary = walk.text(
    given.binary,
    at('binary'),
    NAME_OR_PATH,
    'must be the name of a program on PATH, or the path of one',
  );
  const prompt = walk.oneOf(given.prompt, at('prompt'), PROMPT_WAYS) ?? 'stdin';
  const args = argumentsOf(given.args, at('args'), prompt, walk);
  const alias = walk.optionalText(
    given.instructions_alias,
    at('instructions_alias'),
    ALIAS,
    'must be a file name of letters, digits, _ and - that ends in .md, and not AGENTS.md',
  );
  return {
    id,
    binary: nameOrPath(binary ?? ''),
    args,
    prompt,
    slashCommands: walk.boolean(given.slash_commands, at('slash_commands')) ?? false,
    environment: environmentOf(given.environment, at('environment'), walk),
    stopSignal: walk.oneOf(given.stop_signal, at('stop_signal'), STOP_SIGNALS) ?? 'SIGTERM',
    instructionsAlias: alias,
    readingId: walk.oneOf(given.reading, at('reading'), READING_IDS) ?? 'text',
    credentials: credentialsOf(given.credentials, at('credentials'), walk),
  };
}

function environmentOf(
  value: unknown,
  path: string,
  walk: Walk,
): ProviderDefinition['environment'] {
  if (value === undefined) return { families: [], set: {} };
  const given = walk.object(value, path, ['families', 'set']);
  const families = walk.texts(
    given?.families,
    `${path}.families`,
    FAMILY,
    'must be the beginning of names of variables, end in _, and not be FERMILINK_',
  );
  const set: [string, string][] = [];
  for (const [name, content] of walk.entries(
    given?.set === undefined ? {} : given.set,
    `${path}.set`,
  )) {
    const place = `${path}.set.${name}`;
    if (!SET_VARIABLE_NAME.test(name)) {
      walk.fault(place, 'must have the name of a variable, but not TMPDIR or one of FERMILINK_');
    }
    const text = walk.text(content, place, /^[^\0]*$/, 'must be a text without NUL');
    if (text !== null) set.push([name, text]);
  }
  return { families, set: Object.fromEntries(set) };
}

function credentialsOf(value: unknown, path: string, walk: Walk): CredentialPlaces | null {
  if (value === undefined) return null;
  const given = walk.object(value, path, ['variables', 'files']);
  const variables = walk.texts(
    given?.variables,
    `${path}.variables`,
    VARIABLE_NAME,
    'must be the name of a variable, and not one of FERMILINK_',
  );
  const files = walk.texts(
    given?.files,
    `${path}.files`,
    HOME_OR_ABSOLUTE,
    'must be a path that begins with / or ~/',
  );
  return { variables, files: files.map((file) => absolute(file, file)) };
}
