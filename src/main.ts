import { ConfigError, loadConfig } from './config/load-config.js';
import { createLogger } from './common/logger.js';
import { serve } from './server.js';

try {
  await serve(loadConfig(), createLogger());
} catch (error) {
  const logger = createLogger({ sync: true });
  if (error instanceof ConfigError) {
    for (const fault of error.faults) logger.fatal(fault);
  } else {
    logger.fatal({ err: error }, 'The runner could not start.');
  }
  process.exitCode = 1;
}
