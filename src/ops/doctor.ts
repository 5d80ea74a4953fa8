import { ConfigError, loadConfig } from '../config/load-config.js';
import { PreflightService } from './preflight.service.js';
import { preflightText } from './preflight.js';
import { ProgramProbe } from './program-probe.js';
import { AdapterRegistry } from '../provider/adapter-registry.js';
import { PolicyService } from '../provider/policy.service.js';
import { ProgramService } from '../provider/program.service.js';
import { AgentSpawner } from '../run/agent-process.js';
import { ProcessTable } from '../run/process-table.js';
import { Redaction } from '../run/redaction.js';

const complain = (text: string) => process.stderr.write(`${text}\n`);

function preflightService(): PreflightService {
  const config = loadConfig();
  for (const warning of config.warnings) complain(warning);
  const adapters = new AdapterRegistry(config);
  const policies = new PolicyService(config);
  const programs = new ProgramService(config, adapters, policies);
  const probe = new ProgramProbe(config, new AgentSpawner(new ProcessTable()));
  const redaction = new Redaction(config);
  return new PreflightService(config, policies, adapters, programs, probe, redaction);
}

/**
 * Says of each provider whether it can work on this machine, and what to do if not; with `--json` as
 * `GET /ops/providers` does. The process ends with 1 if the configured one cannot. No server is needed.
 */
export async function doctor(options: readonly string[]): Promise<void> {
  try {
    await examine(options);
  } catch (error) {
    if (error instanceof ConfigError) error.faults.forEach(complain);
    else complain(error instanceof Error ? error.message : String(error));
    process.exitCode = 1;
  }
}

async function examine(options: readonly string[]): Promise<void> {
  const unknown = options.find((option) => option !== '--json');
  if (unknown !== undefined) {
    throw new Error(`There is no option "${unknown}"; the doctor knows --json and nothing else.`);
  }
  const preflight = preflightService();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    // What it has started is in process groups of its own, where Ctrl-C does not reach.
    process.once(signal, () => void preflight.onModuleDestroy().then(() => process.exit(1)));
  }
  const report = await preflight.report();
  const isJson = options.includes('--json');
  process.stdout.write(`${isJson ? JSON.stringify(report, null, 2) : preflightText(report)}\n`);
  if (!report.works) process.exitCode = 1;
}
