import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CliEnvironmentError, cliEnvironment } from './cli-environment.js';

describe('the environment of the command line', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'fermilink-cli-'))));
  afterEach(() => rmSync(folder, { recursive: true }));
  const file = (content: string) => {
    writeFileSync(join(folder, 'token'), content);
    return join(folder, 'token');
  };

  it('has a server on this machine where nothing is set', () => {
    expect(cliEnvironment(undefined, { FERMILINK_RUNNER_URL: ' ' })).toEqual({
      ...{ url: 'http://127.0.0.1:8000', token: null },
      ...{ wantsColor: true, isCapable: true },
    });
  });

  it('takes the token from a variable or a file; the option wins', () => {
    const env = { FERMILINK_RUNNER_TOKEN: 'variable' };
    expect(cliEnvironment(undefined, env).token).toBe('variable');
    expect(cliEnvironment(file('option\n'), env).token).toBe('option');
    const variables = { FERMILINK_RUNNER_TOKEN_FILE: file(' of a file \n') };
    expect(() => cliEnvironment(undefined, variables)).toThrow(/must hold the token alone/);
    expect(cliEnvironment(undefined, { FERMILINK_RUNNER_TOKEN_FILE: file('t\n') }).token).toBe('t');
    expect(() => cliEnvironment(undefined, { ...env, FERMILINK_RUNNER_TOKEN_FILE: 'x' })).toThrow(
      /set only one of them/,
    );
  });

  it('says that a token cannot be read, and never what it is', () => {
    expect(() => cliEnvironment(join(folder, 'none'))).toThrow(CliEnvironmentError);
    expect(() => cliEnvironment(folder)).toThrow(/cannot be read/);
    expect(() => cliEnvironment(file('secret\nsecond'))).toThrow(/^(?!.*secret)/);
  });

  it('knows a terminal that wants no colours, and one that can do nothing', () => {
    expect(cliEnvironment(undefined, { NO_COLOR: '1' })).toMatchObject({ wantsColor: false });
    expect(cliEnvironment(undefined, { TERM: 'dumb' })).toMatchObject({
      ...{ wantsColor: false, isCapable: false },
    });
  });
});
