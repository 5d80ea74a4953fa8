import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pino } from 'pino';
import { adaptersFor } from '../../src/provider/adapters/index.js';
import { endowmentOf } from '../../src/provider/homes/endowment.js';
import { HomesService } from '../../src/provider/homes/homes.service.js';
import { RunFolder } from '../../src/provider/run-folder.js';
import { RunnerConfig } from '../../src/config/runner-config.js';
import { AGENTS, CODEX, basesIn } from './agent-settings.js';

const SILENT = pino({ enabled: false });

export let folder: string;
let runs = 0;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'fermilink-homes-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

export const base = (...names: string[]) => join(folder, 'base', ...names);
export const home = (...names: string[]) => join(folder, 'runtime', 'homes', 's1', ...names);

export function write(path: string, content = ''): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}

function config(mode: 'session' | 'shared' = 'session'): RunnerConfig {
  return new RunnerConfig({
    runtimeRoot: join(folder, 'runtime'),
    agents: { ...AGENTS, home: mode },
    agentBases: basesIn(base()),
    codex: { ...CODEX, homes: [base('.codex')] },
  } as unknown as RunnerConfig);
}

/** Prepares a home as a run does; gives what is left of the one before in the run's folder. */
export async function prepare(provider: string, { mode, own = {} }: Options = {}) {
  const settings = config(mode);
  const adapters = adaptersFor(settings);
  const place = new RunFolder(settings.runtimeRoot, String((runs += 1)));
  mkdirSync(place.path, { recursive: true });
  const all = [...adapters.values()].flatMap((it) => it.home ?? []);
  const homes = new HomesService(settings, SILENT);
  const { home: agentHome } = adapters.get(provider)!;
  const endowment = await endowmentOf(agentHome);
  const variables = await homes.prepare(
    {
      sessionId: 's1',
      repoPath: '/ws/s1/repo',
      folder: place,
      home: agentHome,
      endowment,
      settings: own,
    },
    all,
  );
  return { variables, settings: endowment.settings, left: readdirSync(place.path) };
}
export interface Options {
  mode?: 'session' | 'shared';
  own?: Record<string, string>;
}

export async function keepLogin(provider: string): Promise<void> {
  const settings = config();
  const agentHome = adaptersFor(settings).get(provider)!.home!;
  await new HomesService(settings, SILENT).keepLogin(agentHome, 's1');
}

export const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8);
