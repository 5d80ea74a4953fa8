import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CodexSettings } from '../../config/runner-config.js';
import type { LaunchContext } from '../agent-adapter.js';
import { codexAdapter } from './codex.js';

function context(codex: Partial<CodexSettings>, environment: Record<string, string> = {}) {
  const policy = { provider: 'codex', sandboxPolicy: 'enforce', sandboxMode: 'read-only' } as const;
  return {
    policy: { ...policy, model: null, reasoningEffort: null },
    repoPath: '/ws/s/repo',
    launchFolder: '/rt/launch',
    environment,
    codex: {
      storedLogin: false,
      keys: { CODEX_API_KEY: null, OPENAI_API_KEY: null },
      homes: [],
      ...codex,
    },
  } satisfies LaunchContext;
}

describe('the API keys of codex', () => {
  const configured = { CODEX_API_KEY: 'configured-1', OPENAI_API_KEY: 'configured-2' };

  it('are the configured ones, unless its own variables are set', () => {
    expect(codexAdapter.invocation(context({ keys: configured })).env).toEqual(configured);
    const own = { OPENAI_API_KEY: 'own' };
    expect(codexAdapter.invocation(context({ keys: configured }, own)).env).toEqual({
      CODEX_API_KEY: 'configured-1',
      OPENAI_API_KEY: 'own',
    });
  });

  it.each(['YOUR_KEY_HERE', 'YOUR_REAL_OPENAI_API_KEY', 'YOUR_KEY*HERE', 'CHANGEME', ' '])(
    'do not count where they are a placeholder: %s',
    (placeholder) => {
      const { env } = codexAdapter.invocation(
        context(
          { keys: { ...configured, CODEX_API_KEY: placeholder } },
          { OPENAI_API_KEY: placeholder },
        ),
      );
      expect(env).toEqual({ CODEX_API_KEY: undefined, OPENAI_API_KEY: 'configured-2' });
    },
  );

  it('are kept back where codex uses its stored login', () => {
    const { env } = codexAdapter.invocation(
      context({ storedLogin: true, keys: configured }, { OPENAI_API_KEY: 'own' }),
    );
    expect(env).toEqual({ CODEX_API_KEY: undefined, OPENAI_API_KEY: undefined });
  });
});

describe('the home of codex', () => {
  it('is the first place where a folder can be made', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'fermilink-codex-'));
    writeFileSync(join(folder, 'file'), '');
    const home = join(folder, 'a', 'b');
    const homes = [join(folder, 'file', 'x'), home, join(folder, 'later')];
    expect(await codexAdapter.home!(context({ homes }))).toEqual({ CODEX_HOME: home });
    expect(statSync(home).mode & 0o777).toBe(0o700);
    expect(await codexAdapter.home!(context({ homes: [join(folder, 'file', 'x')] }))).toEqual({});
    rmSync(folder, { recursive: true });
  });
});
