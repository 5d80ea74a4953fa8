import { chmodSync, existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { act, send } from '../support/files.js';
import { Runner } from '../support/runner.js';

const HOOKS = [
  ...['pre-commit', 'post-commit', 'post-checkout', 'post-index-change', 'pre-auto-gc'],
  ...['reference-transaction', 'post-rewrite', 'fsmonitor-watchman', 'update', 'post-update'],
];

/** What an agent may put into its session to have git start `RUN`: files by their paths. */
const PLANTS: [string, Record<string, string>][] = [
  ['hooks', Object.fromEntries(HOOKS.map((name) => [`.git/hooks/${name}`, '#!/bin/sh\nRUN\n']))],
  [
    'a folder of hooks elsewhere',
    {
      '.git/config': '[core]\n\thooksPath = hooks\n',
      ...Object.fromEntries(HOOKS.map((name) => [`hooks/${name}`, '#!/bin/sh\nRUN\n'])),
    },
  ],
  ['fsmonitor', { '.git/config': '[core]\n\tfsmonitor = RUN\n' }],
  ['a pager', { '.git/config': '[core]\n\tpager = RUN\n[pager]\n\tlog = RUN\n\tdiff = RUN\n' }],
  ['an editor', { '.git/config': '[core]\n\teditor = RUN\n\tsshCommand = RUN\n\taskPass = RUN\n' }],
  ['an external diff', { '.git/config': '[diff]\n\texternal = RUN\n' }],
  [
    'a driver of diffs',
    {
      '.gitattributes': '* diff=evil\n',
      '.git/info/attributes': '* diff=evil\n',
      '.git/config': '[diff "evil"]\n\tcommand = RUN\n\ttextconv = RUN\n',
    },
  ],
  [
    'filters',
    {
      '.gitattributes': '* filter=evil\n',
      '.git/info/attributes': '* filter=evil\n',
      '.git/config':
        '[filter "evil"]\n\tclean = RUN\n\tsmudge = RUN\n\tprocess = RUN\n\trequired = true\n',
    },
  ],
  ['a merge driver', { '.git/config': '[merge "evil"]\n\tdriver = RUN\n' }],
  ['a signing program', { '.git/config': '[commit]\n\tgpgSign = true\n[gpg]\n\tprogram = RUN\n' }],
  [
    'aliases',
    { '.git/config': '[alias]\n\tlog = !RUN\n\tdiff-tree = !RUN\n\tfast-import = !RUN\n' },
  ],
  [
    'a configuration that is included',
    { '.git/config': '[include]\n\tpath = ../more\n', more: '[core]\n\tfsmonitor = RUN\n' },
  ],
  [
    'submodules',
    {
      '.gitmodules': '[submodule "x"]\n\tpath = sub\n\turl = ext::RUN\n\tupdate = !RUN\n',
      'sub/.git/config': '[core]\n\tfsmonitor = RUN\n',
      'sub/.git/HEAD': 'ref: refs/heads/main\n',
    },
  ],
  [
    'a bare repository inside',
    {
      'bare/HEAD': 'ref: refs/heads/main\n',
      'bare/config': '[core]\n\tbare = true\n\tfsmonitor = RUN\n\tworktree = ..\n',
      'bare/objects/x': '',
      'bare/refs/x': '',
    },
  ],
  ['objects of elsewhere', { '.git/objects/info/alternates': '/proc/self/fd/0\n' }],
  ['no configuration at all', { '.git/config': '\0\xff[[[', '.git/HEAD': 'ref: ../../../x\n' }],
];

describe('git that an agent has configured', () => {
  let runner: Runner;
  beforeAll(async () => {
    runner = await Runner.start({ FERMILINK_RUNNER_COMMIT_RUNS: '1' });
    await act(runner, 'known', 'echo one > one');
  });
  afterAll(() => runner.stop());

  const useGit = async () => {
    const statuses: number[] = [];
    for (const [method, path] of [
      ['PUT', 'files/changed'],
      ['GET', 'git/diff'],
      ['GET', 'git/log'],
      ['GET', 'files'],
      ['GET', 'archive?include=git'],
      ['DELETE', 'files/changed'],
    ] as const) {
      const body = method === 'PUT' ? 'changed' : undefined;
      statuses.push((await send(runner, method, `/sessions/known/${path}`, { body })).status);
    }
    const { state } = await act(runner, 'known', 'echo two >> one');
    return { statuses, state };
  };

  it.each(PLANTS)('starts nothing by %s', async (_what, plants) => {
    const marker = join(runner.home, 'marker');
    const repo = runner.repo('known');
    const program = join(repo, 'evil.sh');
    writeFileSync(program, `#!/bin/sh\ntouch ${marker}\ncat\n`);
    chmodSync(program, 0o755);
    for (const [path, content] of Object.entries(plants)) {
      const file = join(repo, path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, content.replaceAll('RUN', program));
      if (content.startsWith('#!')) chmodSync(file, 0o755);
    }
    const { statuses } = await useGit();
    expect(statuses).toEqual([201, 200, 200, 200, 200, 204]);
    expect(existsSync(marker)).toBe(false);
  });

  it.each([
    [
      'a file that names a git directory',
      (repo: string, other: string) => writeFileSync(join(repo, '.git'), `gitdir: ${other}\n`),
    ],
    [
      'a link to a git directory',
      (repo: string, other: string) => symlinkSync(other, join(repo, '.git')),
    ],
  ])('is not led elsewhere by %s', async (_what, lead) => {
    const other = join(runner.home, 'other.git');
    const marker = join(runner.home, 'marker');
    mkdirSync(join(other, 'refs'), { recursive: true });
    mkdirSync(join(other, 'objects'), { recursive: true });
    writeFileSync(join(other, 'HEAD'), 'ref: refs/heads/main\n');
    writeFileSync(join(other, 'config'), `[core]\n\tfsmonitor = touch ${marker}\n`);
    rmSync(join(runner.repo('known'), '.git'), { recursive: true, force: true });
    lead(runner.repo('known'), other);
    await useGit();
    expect(existsSync(marker)).toBe(false);
    expect(existsSync(join(other, 'index'))).toBe(false);
  });
});
