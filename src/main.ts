import { ConfigError, readConfig } from './config/load-config.js';
import type { RunnerConfig } from './config/runner-config.js';
import { createLogger } from './common/logger.js';
import { PolicyService } from './provider/policy.service.js';
import { ProviderService } from './provider/provider.service.js';
import { serve } from './server.js';

/** @throws {ConfigError} with all faults of the environment at once, a CLI that is missing among them */
async function settings(): Promise<RunnerConfig> {
  const { config, faults } = readConfig();
  const missing = await new ProviderService(config, new PolicyService(config)).programFault();
  if (missing !== null) faults.push(missing);
  if (faults.length > 0) throw new ConfigError(faults);
  return config;
}

try {
  await serve(await settings(), createLogger());
} catch (error) {
  const logger = createLogger({ sync: true });
  if (error instanceof ConfigError) {
    for (const fault of error.faults) logger.fatal(fault);
  } else {
    logger.fatal({ err: error }, 'The runner could not start.');
  }
  // It may be listening already, and have children.
  process.exit(1);
}
