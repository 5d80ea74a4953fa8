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

export interface Options {
  mode?: 'session' | 'shared';
  own?: Record<string, string>;
}

/** The homes of an administrator and of a session, made anew for each test where this is called. */
export function openHomes() {
  let folder: string;
  let runs = 0;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'fermilink-homes-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const at = (...names: string[]) => join(folder, ...names);
  const base = (...names: string[]) => at('base', ...names);
  const home = (...names: string[]) => at('runtime', 'homes', 's1', ...names);

  const config = (mode: Options['mode'] = 'session') =>
    new RunnerConfig({
      runtimeRoot: at('runtime'),
      agents: { ...AGENTS, home: mode },
      agentBases: basesIn(base()),
      codex: { ...CODEX, homes: [base('.codex')] },
    } as unknown as RunnerConfig);

  /** Prepares a home as a run does; gives what is left of the one before in the run's folder. */
  async function prepare(provider: string, { mode, own = {} }: Options = {}) {
    const settings = config(mode);
    const adapters = adaptersFor(settings);
    const run = new RunFolder(settings.runtimeRoot, String((runs += 1)));
    mkdirSync(run.path, { recursive: true });
    const all = [...adapters.values()].flatMap((it) => it.home ?? []);
    const homes = new HomesService(settings, SILENT);
    const { home: agentHome } = adapters.get(provider)!;
    const endowment = await endowmentOf(agentHome);
    const variables = await homes.prepare(
      {
        sessionId: 's1',
        repoPath: '/ws/s1/repo',
        folder: run,
        home: agentHome,
        endowment,
        settings: own,
      },
      all,
    );
    return { variables, settings: endowment.settings, left: readdirSync(run.path) };
  }

  /** Gives back a login that a CLI has renewed, as the end of a run does. */
  async function keepLogin(provider: string): Promise<void> {
    const settings = config();
    const agentHome = adaptersFor(settings).get(provider)!.home!;
    await new HomesService(settings, SILENT).keepLogin(agentHome, 's1');
  }

  return { at, base, home, prepare, keepLogin };
}

/** Writes a file, with the folders above it. */
export function write(path: string, content = ''): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}

export const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8);
