import type { Logger } from '../common/logger.js';
import type { RunnerConfig } from '../config/runner-config.js';
import { HomesService } from './homes/homes.service.js';
import { PolicyService } from './policy.service.js';
import { ProviderService } from './provider.service.js';
import { TalksService } from './talks.service.js';

/** The providers and their policy without an application, for whoever looks at them before there is one. */
export function standaloneProviders(config: RunnerConfig, logger: Logger) {
  const policies = new PolicyService(config);
  const homes = new HomesService(config, logger);
  const talks = new TalksService(config, homes, logger);
  return { policies, talks, providers: new ProviderService(config, policies, homes, talks) };
}
