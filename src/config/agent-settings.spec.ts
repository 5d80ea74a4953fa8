import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { basesIn } from '../../test/support/agent-settings.js';
import { faultsOf } from '../../test/support/config.js';
import { loadConfig } from './load-config.js';

let home: string;
beforeEach(() => {
  home = realpathSync(mkdtempSync(join(tmpdir(), 'fermilink-config-')));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const load = (env: Record<string, string>) => loadConfig({ FERMILINK_HOME: home, ...env });

describe('what agents may do on the network', () => {
  it('is allowed word by word', () => {
    const loud = { FERMILINK_AGENT_TELEMETRY: '1', FERMILINK_AGENT_UPDATE_CHECKS: ' 1 ' };
    expect(load(loud).agents).toMatchObject({ telemetry: true, updateChecks: true });
  });

  it.each<[string, number | null]>([
    ['0', 0],
    ['99', 99],
    ['cli', null],
    ['CLI', null],
  ])('has %s retries', (value, retries) => {
    expect(load({ FERMILINK_AGENT_RETRIES: value }).agents.retries).toBe(retries);
  });

  it.each(['-1', '100', '1.5', 'many'])('has not %s retries', (value) => {
    expect(faultsOf({ FERMILINK_HOME: home, FERMILINK_AGENT_RETRIES: value })).toEqual([
      `FERMILINK_AGENT_RETRIES is "${value}", but it must be a whole number from 0 to 99, or "cli" to leave it to the CLI.`,
    ]);
  });
});

describe('the homes of the CLIs', () => {
  it("are each session's own, or those of the administrator", () => {
    expect(load({ FERMILINK_AGENT_HOME: 'Shared' }).agents.home).toBe('shared');
    expect(load({ FERMILINK_AGENT_HOME: 'session' }).agents.home).toBe('session');
    expect(faultsOf({ FERMILINK_HOME: home, FERMILINK_AGENT_HOME: 'private' })).toEqual([
      'FERMILINK_AGENT_HOME is "private", but it must be one of: session, shared.',
    ]);
  });

  it('are where the administrator has put them', () => {
    const { agentBases } = load({
      FERMILINK_CLAUDE_HOME: '/srv/claude',
      FERMILINK_GEMINI_HOME: '/srv/g',
      FERMILINK_OPENCODE_HOME: '/srv/o',
    });
    expect(agentBases.claude).toEqual({
      folder: '/srv/claude',
      stateFile: '/srv/claude/.claude.json',
      chosen: '/srv/claude',
    });
    expect(agentBases.gemini).toEqual({ folder: '/srv/g', chosen: '/srv/g' });
    expect(agentBases.opencode).toEqual(basesIn('/srv/o').opencode);
  });

  it("are where the CLI's own variables say, before ours", () => {
    const { agentBases } = load({
      CLAUDE_CONFIG_DIR: '/own/claude',
      FERMILINK_CLAUDE_HOME: '/srv/claude',
      GEMINI_CLI_HOME: '/own/g',
      FERMILINK_GEMINI_HOME: '/srv/g',
      XDG_DATA_HOME: '/own/data',
    });
    expect(agentBases.claude.folder).toBe('/own/claude');
    expect(agentBases.gemini.folder).toBe('/own/g');
    expect(agentBases.opencode.XDG_DATA_HOME).toBe('/own/data');
  });

  it('of opencode are ours before those of every program of the user', () => {
    const env = { XDG_DATA_HOME: '/own/data', FERMILINK_OPENCODE_HOME: '/srv/o' };
    expect(load(env).agentBases.opencode).toEqual(basesIn('/srv/o').opencode);
  });
});
