import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CODEX } from '../../../test/support/agent-settings.js';
import type { CodexSettings } from '../../config/runner-config.js';
import { codexAdapter } from './codex.js';

function adapter(settings: Partial<CodexSettings>) {
  return codexAdapter({ ...CODEX, ...settings });
}

/** The variables that an agent gets for a server with this environment. */
function variables(settings: Partial<CodexSettings>, environment: Record<string, string> = {}) {
  return adapter(settings).variables!(environment);
}

describe('the API keys of codex', () => {
  const configured = { CODEX_API_KEY: 'configured-1', OPENAI_API_KEY: 'configured-2' };

  it('are the configured ones, unless its own variables are set', () => {
    expect(variables({ keys: configured })).toEqual(configured);
    expect(variables({ keys: configured }, { OPENAI_API_KEY: 'own' })).toEqual({
      CODEX_API_KEY: 'configured-1',
      OPENAI_API_KEY: 'own',
    });
  });

  it.each(['YOUR_KEY_HERE', 'YOUR_REAL_OPENAI_API_KEY', 'YOUR_KEY*HERE', 'CHANGEME', ' '])(
    'do not count where they are a placeholder: %s',
    (placeholder) => {
      const keys = { ...configured, CODEX_API_KEY: placeholder };
      expect(variables({ keys }, { OPENAI_API_KEY: placeholder })).toEqual({
        CODEX_API_KEY: undefined,
        OPENAI_API_KEY: 'configured-2',
      });
    },
  );

  it('are kept back where codex uses its stored login', () => {
    const settings = { storedLogin: true, keys: configured };
    expect(variables(settings, { OPENAI_API_KEY: 'own' })).toEqual({
      CODEX_API_KEY: undefined,
      OPENAI_API_KEY: undefined,
    });
  });
});

describe('the home of codex', () => {
  it('is the first place where a folder can be made', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'fermilink-codex-'));
    writeFileSync(join(folder, 'file'), '');
    const home = join(folder, 'a', 'b');
    const homes = [join(folder, 'file', 'x'), home, join(folder, 'later')];
    const base = (await adapter({ homes }).home!.findOrMake())!;
    expect(base.variables).toEqual({ CODEX_HOME: home });
    expect(base.at('.codex/auth.json')).toBe(join(home, 'auth.json'));
    expect(statSync(home).mode & 0o777).toBe(0o700);
    expect(await adapter({ homes: [join(folder, 'file', 'x')] }).home!.findOrMake()).toBeNull();
    rmSync(folder, { recursive: true });
  });
});
