import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunnerConfig } from '../config/runner-config.js';
import type { RunChanges } from '../files/changes/run-changes.service.js';
import type { PolicyService } from '../provider/policy.service.js';
import type { LaunchRequest, ProviderService } from '../provider/provider.service.js';
import type { WorkspaceService } from '../workspace/workspace.service.js';
import { RunPreparation } from './run-preparation.js';
import type { Run } from './run.js';

describe('the temporary folders of a run', () => {
  it('are made again where the runtime root has been removed under the server', async () => {
    const base = mkdtempSync(join(tmpdir(), 'fermilink-runtime-'));
    const runtimeRoot = join(base, 'fermilink', 'runtime');
    const launched: string[] = [];
    const preparation = new RunPreparation(
      { runtimeRoot, prepareTimeoutSeconds: 60 } as RunnerConfig,
      { forRun: async () => ({ provider: 'demo' }) } as unknown as PolicyService,
      {
        requireStartable: () => ({ id: 'codex' }),
        prepareLaunch: async ({ folder }: LaunchRequest) => launched.push(folder.tmp),
      } as unknown as ProviderService,
      { prepare: async () => ({}), repoPathOf: () => base } as unknown as WorkspaceService,
      {} as RunChanges,
    );
    const run = { id: '1', record: { order: {} }, stopSignal: new AbortController().signal };
    await preparation.prepare(run as unknown as Run);
    expect(launched).toEqual([join(runtimeRoot, 'run-1', 'tmp')]);
    for (const path of [runtimeRoot, join(runtimeRoot, 'run-1'), ...launched]) {
      expect(statSync(path).mode & 0o777).toBe(0o700);
    }
    rmSync(base, { recursive: true });
  });
});

describe('the end of the temporary folders of a run', () => {
  let runtimeRoot: string;
  const place = (...names: string[]) => join(runtimeRoot, 'run-1', ...names);
  beforeEach(() => {
    runtimeRoot = mkdtempSync(join(tmpdir(), 'fermilink-runtime-'));
    mkdirSync(place('tmp'), { recursive: true });
    mkdirSync(place('launch'));
  });
  afterEach(() => rmSync(runtimeRoot, { recursive: true, force: true }));

  const preparation = () =>
    new RunPreparation(
      { runtimeRoot } as RunnerConfig,
      {} as PolicyService,
      { keepLogin: async () => undefined } as unknown as ProviderService,
      { leave: () => undefined } as unknown as WorkspaceService,
      { leave: () => undefined } as unknown as RunChanges,
    );

  it.each([
    ['as they were made', () => undefined],
    ['with files', () => writeFileSync(place('tmp', 'x'), '')],
    ['with settings of a CLI', () => writeFileSync(place('launch', 'x'), '')],
    ['when the agent has removed its own', () => rmdirSync(place('tmp'))],
    [
      'when the agent has removed its own, and the other one holds settings',
      () => {
        rmdirSync(place('tmp'));
        writeFileSync(place('launch', 'x'), '');
      },
    ],
    [
      'when the agent has put a link in the place of its own',
      () => {
        rmdirSync(place('tmp'));
        symlinkSync('/', place('tmp'));
      },
    ],
    ['with more than the server made', () => mkdirSync(place('more'))],
    [
      'when none of them was made',
      () => {
        rmdirSync(place('tmp'));
        rmdirSync(place('launch'));
      },
    ],
    ['when nothing was made', () => rmSync(place(), { recursive: true })],
  ])('%s', async (_name, leave) => {
    leave();
    await preparation().cleanUp({ id: '1' } as Run);
    expect(readdirSync(runtimeRoot)).toEqual([]);
  });
});
