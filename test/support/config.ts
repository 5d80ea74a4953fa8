import { ConfigError, loadConfig } from '../../src/config/load-config.js';

/** What is wrong with an environment, one sentence each. */
export function faultsOf(env: Record<string, string | undefined>): readonly string[] {
  try {
    loadConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
  return [];
}
