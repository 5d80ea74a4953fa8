import { AGENTS, CODEX, basesIn } from '../../../test/support/agent-settings.js';
import { providersOf } from '../../config/providers-file.js';
import type { LaunchContext } from '../agent-adapter.js';
import type { RunPolicy } from '../policy.js';
import { READINGS } from '../readings/index.js';
import { adaptersFor } from './index.js';

function adapter(provider: object) {
  const faults: string[] = [];
  const providers = providersOf({ providers: { acme: { binary: 'acme', ...provider } } }, faults);
  expect(faults).toEqual([]);
  return adaptersFor({ codex: CODEX, agentBases: basesIn('/home/ada'), providers }).get('acme')!;
}

function context(policy: Partial<RunPolicy> = {}): LaunchContext {
  return {
    policy: {
      provider: 'acme',
      sandboxPolicy: 'enforce',
      sandboxMode: 'workspace-write',
      model: null,
      reasoningEffort: null,
      ...policy,
    },
    repoPath: '/ws/s/repo',
    tmpDir: '/rt/run/tmp',
    homePath: '/home/ada',
    talk: null,
    launchFolder: '/rt/run/launch',
    mark: {},
    environment: {},
    agents: AGENTS,
    settings: new Map(),
  };
}

describe('a provider of the providers file', () => {
  it('is beside those that the project brings along', () => {
    const providers = providersOf(
      { providers: { acme: { binary: 'acme', args: { bypass: [] } } } },
      [],
    );
    const ids = [
      ...adaptersFor({ codex: CODEX, agentBases: basesIn('/home/ada'), providers }).keys(),
    ];
    expect(ids).toEqual(['codex', 'claude', 'gemini', 'opencode', 'demo', 'acme']);
  });

  it('gets the arguments of the mode, each placeholder replaced as a whole', () => {
    const args = {
      'read-only': ['plan'],
      'workspace-write': [
        '--cd',
        '{repo}',
        '{tmp}',
        ['{home}', 'x'],
        '{prompt_file}',
        '{}',
        '{"a": {}}',
      ],
      bypass: ['all', ['{prompt_file}']],
    };
    const file = { args: { ...args, 'read-only': ['{prompt_file}'] }, prompt: 'file' };
    const written = adapter(file);
    expect(written.invocation(context()).args).toEqual([
      ...['--cd', '/ws/s/repo', '/rt/run/tmp', '/home/ada', 'x'],
      ...['/rt/run/launch/prompt.txt', '{}', '{"a": {}}'],
    ]);
    const bypassing = context({ sandboxPolicy: 'bypass', sandboxMode: null });
    expect(written.invocation(bypassing).args).toEqual(['all', '/rt/run/launch/prompt.txt']);
    expect(written.promptFile).toBe('prompt.txt');
  });

  it('gets no option whose value the policy leaves open', () => {
    const args = {
      'workspace-write': [
        ['--model', '{model}'],
        ['--thinking', '{effort}', '--of', '{model}'],
        ['--fixed', 'x'],
      ],
    };
    const argsFor = (policy: Partial<RunPolicy>) =>
      adapter({ args }).invocation(context(policy)).args;
    expect(argsFor({})).toEqual(['--fixed', 'x']);
    expect(argsFor({ model: '{effort}' })).toEqual(['--model', '{effort}', '--fixed', 'x']);
    expect(argsFor({ model: 'm', reasoningEffort: 'low' })).toEqual([
      ...['--model', 'm', '--thinking', 'low', '--of', 'm', '--fixed', 'x'],
    ]);
  });

  it('is what the file says of it', () => {
    const environment = { families: ['ACME_'], set: { ACME_QUIET: '1' } };
    const made = adapter({
      args: { bypass: [], 'read-only': [] },
      environment,
      stop_signal: 'SIGINT',
      reading: 'claude',
      slash_commands: true,
    });
    expect(made).toMatchObject({
      id: 'acme',
      binary: 'acme',
      environmentFamilies: ['ACME_'],
      politeSignal: 'SIGINT',
      reading: READINGS.claude,
      modes: new Set(['bypass', 'read-only']),
      promptFile: undefined,
    });
    expect(made.variables?.({})).toEqual({ ACME_QUIET: '1' });
    expect(made.stdin?.('/help')).toBe('Request:\n/help');
  });
});
