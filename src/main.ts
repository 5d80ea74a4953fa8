import { ConfigError, readConfig } from './config/load-config.js';
import type { RunnerConfig } from './config/runner-config.js';
import { createLogger, type LoggerOptions } from './common/logger.js';
import { AdapterRegistry } from './provider/adapter-registry.js';
import { PolicyService } from './provider/policy.service.js';
import { ProgramService } from './provider/program.service.js';
import { Redaction } from './run/redaction.js';
import { serve } from './server.js';

/** Takes the secrets out of a line of the log, once they are known. */
let redact: LoggerOptions['redact'];

/** @throws {ConfigError} with all faults of the environment at once, a CLI that is missing among them */
async function settings(): Promise<RunnerConfig> {
  const { config, faults } = readConfig();
  const redaction = new Redaction(config);
  redact = (line) => redaction.text(line);
  const adapters = new AdapterRegistry(config);
  const missing = await new ProgramService(config, adapters, new PolicyService(config)).fault();
  if (missing !== null) faults.push(missing);
  if (faults.length > 0) throw new ConfigError(faults);
  return config;
}

try {
  const config = await settings();
  await serve(config, createLogger({ redact }));
} catch (error) {
  const logger = createLogger({ sync: true, redact });
  if (error instanceof ConfigError) {
    for (const fault of error.faults) logger.fatal(fault);
  } else {
    logger.fatal({ err: error }, 'The runner could not start.');
  }
  // It may be listening already, and have children.
  process.exit(1);
}
