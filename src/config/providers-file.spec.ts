import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { faultsOf } from '../../test/support/config.js';
import { loadConfig, PROJECT_ROOT } from './load-config.js';
import { providersOf } from './providers-file.js';

const schema = JSON.parse(
  readFileSync(join(PROJECT_ROOT, 'schemas', 'providers.schema.json'), 'utf8'),
) as object;
const matchesSchema = new Ajv2020({ strict: false }).compile(schema);

const SMALL = { binary: 'acme', args: { bypass: [] } };
const FULL = {
  binary: '~/bin/acme',
  args: {
    'read-only': [
      'run',
      '{repo}',
      ['--model', '{model}'],
      ['--effort', '{effort}'],
      '{prompt_file}',
    ],
    'workspace-write': [
      ['--file', '{prompt_file}'],
      '{tmp}',
      '{home}',
      '{"a": {"b": 1}}',
      '{}',
      '',
    ],
    bypass: [['{prompt_file}', '{model}']],
  },
  prompt: 'file',
  slash_commands: true,
  environment: { families: ['ACME_'], set: { ACME_QUIET: '1', NO_COLOR: '' } },
  stop_signal: 'SIGINT',
  instructions_alias: 'ACME.md',
  reading: 'gemini',
  credentials: { variables: ['ACME_KEY'], files: ['~/.acme/key', '/etc/acme'] },
};

/** The sentences about a document, which must be those of its schema in effect. */
function faults(document: unknown): string[] {
  const found: string[] = [];
  providersOf(document, found);
  expect([matchesSchema(document), document]).toEqual([found.length === 0, document]);
  return found.map((it) => it.replace('FERMILINK_PROVIDERS_FILE: ', ''));
}
const ofOne = (provider: unknown) => faults({ providers: { acme: provider } });
const withArgs = (args: unknown, prompt?: string) =>
  ofOne({ binary: 'acme', args: { bypass: args }, ...(prompt === undefined ? {} : { prompt }) });

describe('a providers file', () => {
  it('may say as little as a binary and the arguments for one mode', () => {
    expect(ofOne(SMALL)).toEqual([]);
    expect(providersOf({ providers: { acme: SMALL } }, [])).toEqual([
      {
        id: 'acme',
        binary: 'acme',
        args: { bypass: [] },
        prompt: 'stdin',
        slashCommands: false,
        environment: { families: [], set: {} },
        stopSignal: 'SIGTERM',
        instructionsAlias: null,
        readingId: 'text',
        credentials: null,
      },
    ]);
  });

  it('may say everything', () => {
    const document = { $schema: 'providers.schema.json', version: 1, providers: { 'a-1_b': FULL } };
    expect(faults(document)).toEqual([]);
    expect(providersOf(document, [])).toEqual([
      {
        id: 'a-1_b',
        binary: join(homedir(), 'bin', 'acme'),
        args: FULL.args,
        prompt: 'file',
        slashCommands: true,
        environment: FULL.environment,
        stopSignal: 'SIGINT',
        instructionsAlias: 'ACME.md',
        readingId: 'gemini',
        credentials: {
          variables: ['ACME_KEY'],
          files: [join(homedir(), '.acme', 'key'), '/etc/acme'],
        },
      },
    ]);
  });

  it('may be the example that is published beside the schema', () => {
    const example = readFileSync(join(PROJECT_ROOT, 'schemas', 'providers.example.json'), 'utf8');
    expect(faults(JSON.parse(example))).toEqual([]);
  });

  it.each([
    [[], 'what it holds must be an object'],
    [null, 'what it holds must be an object'],
    [{}, 'providers must be an object with a member for each provider'],
    [{ providers: [] }, 'providers must be an object with a member for each provider'],
    [{ providers: {}, version: 2 }, 'version must be 1'],
    [{ providers: {}, $schema: 1 }, '$schema must be a text'],
    [
      { providers: {}, provider: {} },
      'provider is not known; there can be: $schema, version, providers',
    ],
  ])('%j is none', (document, sentence) => {
    expect(faults(document)).toEqual([`${sentence}.`]);
  });

  it.each(['codex', 'claude', 'gemini', 'opencode', 'demo'])(
    'cannot replace the provider %s',
    (id) => {
      expect(faults({ providers: { [id]: SMALL } })).toEqual([
        `providers.${id} must have another name: this one is of a provider that the runner brings along.`,
      ]);
    },
  );

  it.each(['', 'Acme', '1st', 'a.b', 'a b', '__proto__', 'a'.repeat(65)])(
    'cannot name a provider %j',
    (id) => {
      const document = JSON.parse(
        `{"providers": {${JSON.stringify(id)}: ${JSON.stringify(SMALL)}}}`,
      );
      expect(faults(document)).toEqual([
        `providers.${id} must have a name of a-z, 0-9, _ and -, that begins with a letter (at most 64).`,
      ]);
    },
  );

  it.each<[string, unknown, string]>([
    ['binary', undefined, 'must be the name of a program on PATH, or the path of one'],
    ['binary', ' ', 'must be the name of a program on PATH, or the path of one'],
    ['binary', 'a\0b', 'must be the name of a program on PATH, or the path of one'],
    ['args', undefined, 'must be an object'],
    ['args', {}, 'must have at least one of: read-only, workspace-write, bypass'],
    ['prompt', 'argument', 'must be one of: stdin, file'],
    ['slash_commands', 'yes', 'must be true or false'],
    ['stop_signal', 'SIGKILL', 'must be one of: SIGINT, SIGTERM'],
    ['reading', 'acme', 'must be one of: codex, claude, gemini, opencode, text'],
    ['reading', null, 'must be one of: codex, claude, gemini, opencode, text'],
    ['environment', [], 'must be an object'],
    ['credentials', 'ACME_KEY', 'must be an object'],
    ...['AGENTS.md', '../ACME.md', 'a/b.md', '.git', 'ACME', ''].map(
      (alias): [string, unknown, string] => [
        'instructions_alias',
        alias,
        'must be a file name of letters, digits, _ and - that ends in .md, and not AGENTS.md',
      ],
    ),
  ])('refuses the %s %j', (member, value, rule) => {
    expect(ofOne({ ...SMALL, [member]: value })).toEqual([`providers.acme.${member} ${rule}.`]);
  });

  it('names each member that is not known with its path', () => {
    const args = { ...SMALL.args, 'full-access': [] };
    const environment = { pass: [] };
    const [ofArgs, ofEnvironment, ...others] = [
      ...ofOne({ ...SMALL, args }),
      ...ofOne({ ...SMALL, environment }),
      ...ofOne({ ...SMALL, bianry: 'x' }),
    ];
    expect(ofArgs).toBe(
      'providers.acme.args.full-access is not known; there can be: read-only, workspace-write, bypass.',
    );
    expect(ofEnvironment).toBe(
      'providers.acme.environment.pass is not known; there can be: families, set.',
    );
    expect(others).toEqual([expect.stringMatching(/^providers\.acme\.bianry is not known; /)]);
  });

  it('names all faults at once, by the place in a list too', () => {
    const environment = {
      families: ['ACME_', 'A', 'FERMILINK_RUNNER_'],
      set: { TMPDIR: '/tmp', FERMILINK_HOME: 'x', 'A=B': 'x', ACME_KEY: 5, ACME_NUL: 'a\0' },
    };
    const credentials = { variables: ['A B'], files: ['relative'] };
    const found = ofOne({ ...SMALL, args: { bypass: 'x' }, environment, credentials });
    expect(found.map((it) => it.split(' ')[0])).toEqual([
      'providers.acme.args.bypass',
      'providers.acme.environment.families[1]',
      'providers.acme.environment.families[2]',
      'providers.acme.environment.set.TMPDIR',
      'providers.acme.environment.set.FERMILINK_HOME',
      'providers.acme.environment.set.A=B',
      'providers.acme.environment.set.ACME_KEY',
      'providers.acme.environment.set.ACME_NUL',
      'providers.acme.credentials.variables[0]',
      'providers.acme.credentials.files[0]',
    ]);
  });

  it('never shows a value, which may be a secret', () => {
    const environment = { set: { ACME_KEY: ['s3cret'], TMPDIR: 's3cret' } };
    expect(ofOne({ ...SMALL, environment }).join()).not.toContain('s3cret');
  });
});

describe('an argument', () => {
  const ALL = '{repo}, {tmp}, {home}, {prompt_file}, {model}, {effort}';

  it.each<[unknown, string]>([
    [5, 'must be a text without NUL, or a list of such'],
    ['a\0b', 'must be a text without NUL, or a list of such'],
    ['{prompt}', `must be one of ${ALL}, or not look like one`],
    ['--model={model}', 'must not have a placeholder as a part: a placeholder is a whole argument'],
    ['{repo}/src', 'must not have a placeholder as a part: a placeholder is a whole argument'],
    [
      '{model}',
      'must stand in a list of its own with its option, such as ["--option", "{model}"], which is left out where there is none',
    ],
  ])('%j is refused', (argument, rule) => {
    expect(withArgs(['run', argument])).toEqual([`providers.acme.args.bypass[1] ${rule}.`]);
  });

  it('in a group is named by both places, and a group holds no groups', () => {
    expect(
      withArgs([
        ['--dir', 'in {tmp}'],
        ['a', ['b']],
      ]),
    ).toEqual([
      'providers.acme.args.bypass[0][1] must not have a placeholder as a part: a placeholder is a whole argument.',
      'providers.acme.args.bypass[1][1] must be a text without NUL, or a list of such.',
    ]);
  });

  it('is never the prompt, whose file must be named where there is one, and only there', () => {
    expect(withArgs(['{prompt_file}'], 'stdin')).toEqual([
      'providers.acme.args.bypass must not have {prompt_file}, since the prompt is given on stdin.',
    ]);
    expect(withArgs([['--file', '{prompt_file}']])).toHaveLength(1);
    expect(withArgs(['run'], 'file')).toEqual([
      'providers.acme.args.bypass must have the argument {prompt_file}, since the prompt is given as a file.',
    ]);
  });
});

it('the published schema and the runner agree, whatever is changed in a file', () => {
  const document = { version: 1, providers: { acme: FULL, other: SMALL } };
  const places: (string | number)[][] = [];
  const visit = (value: unknown, path: (string | number)[]) => {
    places.push(path);
    if (typeof value !== 'object' || value === null) return;
    for (const [key, member] of Object.entries(value)) {
      visit(member, [...path, Array.isArray(value) ? Number(key) : key]);
    }
  };
  visit(document, []);
  const values = fc.oneof(
    fc.constantFrom<unknown>(
      ...[
        '{model}',
        '{prompt_file}',
        '{repo}',
        '{nothing}',
        'x{tmp}',
        '',
        ' ',
        '\0',
        'stdin',
        'file',
      ],
      ...[
        'SIGINT',
        'text',
        'A_',
        'AGENTS.md',
        'X.md',
        '~/x',
        null,
        true,
        1,
        [],
        {},
        ['{model}'],
        [[]],
      ],
    ),
    fc.jsonValue({ maxDepth: 2 }),
    fc.constant(undefined),
  );
  const names = fc.option(fc.constantFrom('codex', 'Acme', 'prompt', 'TMPDIR', 'A', 'bypass'));
  fc.assert(
    fc.property(fc.constantFrom(...places), names, values, (path, name, value) => {
      const root = { document: structuredClone(document) } as unknown as Record<string, unknown>;
      let parent = root as Record<string | number, unknown>;
      let key: string | number = 'document';
      for (const step of path) {
        parent = parent[key] as Record<string | number, unknown>;
        key = step;
      }
      // A new member beside the others, or another value for this one.
      if (name !== null && path.length > 0 && !Array.isArray(parent)) key = name;
      parent[key] = value;
      faults(JSON.parse(JSON.stringify(root.document ?? null)));
    }),
    { numRuns: 2000 },
  );
});

describe('FERMILINK_PROVIDERS_FILE', () => {
  let folder: string;
  let file: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'fermilink-providers-'));
    file = join(folder, 'providers.json');
  });
  afterEach(() => rmSync(folder, { recursive: true }));
  const env = (more: Record<string, string> = {}) => ({
    FERMILINK_HOME: folder,
    FERMILINK_PROVIDERS_FILE: ` ${file} `,
    ...more,
  });
  const write = (document: unknown) => writeFileSync(file, JSON.stringify(document));

  it('makes its ids known to FERMILINK_AGENT_PROVIDER', () => {
    write({ providers: { acme: SMALL } });
    const config = loadConfig(env({ FERMILINK_AGENT_PROVIDER: ' ACME ' }));
    expect(config.policyOverrides.provider).toBe('acme');
    expect(config.providers.map(({ id }) => id)).toEqual(['acme']);
    expect(faultsOf(env({ FERMILINK_AGENT_PROVIDER: 'acne' }))).toEqual([
      'FERMILINK_AGENT_PROVIDER is "acne", but it must be one of: codex, claude, gemini, opencode, demo, acme.',
    ]);
  });

  it('has its faults among those of the environment, and none follows from them', () => {
    write({ providers: { acme: { ...SMALL, prompt: 'no' } } });
    expect(faultsOf(env({ FERMILINK_AGENT_PROVIDER: 'acme', FERMILINK_RUNNER_PORT: 'x' }))).toEqual(
      [
        expect.stringContaining('FERMILINK_RUNNER_PORT'),
        'FERMILINK_PROVIDERS_FILE: providers.acme.prompt must be one of: stdin, file.',
      ],
    );
    write({ providers: [] });
    expect(faultsOf(env({ FERMILINK_AGENT_PROVIDER: 'acme' }))).toHaveLength(1);
  });

  it.each([
    ['missing', () => undefined],
    ['too large', () => writeFileSync(file, ' '.repeat(256 * 1024 + 1))],
  ])('that is %s stops the start', (_what, make) => {
    make();
    expect(faultsOf(env())).toEqual([
      `FERMILINK_PROVIDERS_FILE is "${file}", but it must be a readable file of at most 262144 bytes.`,
    ]);
  });

  it('that is no JSON stops the start, and so does a folder', () => {
    writeFileSync(file, '{');
    expect(faultsOf(env())).toEqual([
      `FERMILINK_PROVIDERS_FILE is "${file}", but what it holds must be JSON.`,
    ]);
    expect(faultsOf(env({ FERMILINK_PROVIDERS_FILE: folder }))).toHaveLength(1);
  });
});
