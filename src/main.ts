import { ConfigError, loadConfig } from './config/load-config.js';
import { createLogger } from './common/logger.js';
import { serve } from './server.js';

const logger = createLogger();
try {
  await serve(loadConfig(), logger);
} catch (error) {
  if (error instanceof ConfigError) {
    for (const fault of error.faults) logger.fatal(fault);
  } else {
    logger.fatal({ err: error }, 'The runner could not start.');
  }
  process.exitCode = 1;
}
