import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { monotonicSeconds, nowUtc } from '../common/clock.js';
import { Limiter } from '../common/limiter.js';
import { together } from '../common/together.js';
import { LAUNCH_MODES } from '../config/provider-definition.js';
import { RunnerConfig } from '../config/runner-config.js';
import { AdapterRegistry, modeFault } from '../provider/adapter-registry.js';
import type { AgentAdapter, TestedCli } from '../provider/agent-adapter.js';
import { credentialsOf } from '../provider/credentials.js';
import type { RunPolicy } from '../provider/policy.js';
import { PolicyService } from '../provider/policy.service.js';
import { ProgramService } from '../provider/program.service.js';
import type { Preflight, ProviderPreflight, SandboxPreflight } from './preflight.js';
import { Redaction } from '../run/redaction.js';
import { type ProbeResult, ProgramProbe } from './program-probe.js';

/** How long an answer serves all who ask. */
const FRESH_SECONDS = 60;
/** How long a CLI may take to say its version. */
const VERSION_SECONDS = 10;
/** How long a CLI may take to run a command in its sandbox. */
const SANDBOX_SECONDS = 20;
/** CLIs that are asked at the same time: some need half a gigabyte and a whole core to say their version. */
const AT_A_TIME = 2;

const VERSION = /\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]{1,40})?/;
/** What the sandbox has to keep a command from, and does not say: then the command succeeds. */
const WRITTEN = 'written';
const WRITE = `touch ${WRITTEN} 2>/dev/null; exit 0`;

/** Looks whether the providers can work here, before a run finds out. */
@Injectable()
export class PreflightService implements OnModuleDestroy {
  private readonly ending = new AbortController();
  private readonly turns = new Limiter(AT_A_TIME);
  private latest: { report: Promise<Preflight>; doneAt: number | null } | null = null;

  constructor(
    private readonly config: RunnerConfig,
    private readonly policies: PolicyService,
    private readonly adapters: AdapterRegistry,
    private readonly programs: ProgramService,
    private readonly probe: ProgramProbe,
    private readonly redaction: Redaction,
  ) {}

  /** What was seen at most a minute ago; all who ask meanwhile share one look. */
  report(): Promise<Preflight> {
    const doneAt = this.latest?.doneAt ?? null;
    const isOld = doneAt !== null && monotonicSeconds() - doneAt > FRESH_SECONDS;
    if (this.latest === null || isOld) this.latest = this.begin();
    return this.latest.report;
  }

  /** Ends what is under way, with all processes. */
  async onModuleDestroy(): Promise<void> {
    this.ending.abort();
    await this.latest?.report.catch(() => undefined);
  }

  private begin() {
    const latest = { report: this.look(), doneAt: null as number | null };
    latest.report.then(
      () => (latest.doneAt = monotonicSeconds()),
      () => (this.latest = null),
    );
    return latest;
  }

  private async look(): Promise<Preflight> {
    const invalid = await this.policies.problem();
    const policy = await this.policies.forRun(null).catch(() => null);
    const looks = this.adapters.all().map((it) => this.turns.run(() => this.lookAt(it, policy)));
    const providers = await together(...looks);
    const configured = providers.find((it) => it.configured);
    const problem = invalid ?? (configured === undefined ? await this.programs.problem() : null);
    return {
      // Whoever edits by hand may have pasted anything there.
      configured_provider: policy === null ? null : this.redaction.text(policy.provider),
      works: problem === null && configured?.works === true,
      problem,
      providers,
      timestamp_utc: nowUtc(),
    };
  }

  private async lookAt(
    adapter: AgentAdapter,
    policy: RunPolicy | null,
  ): Promise<ProviderPreflight> {
    const { id } = adapter;
    const problems: string[] = [];
    const notes: string[] = [];
    const configured = policy?.provider === id;
    const program = await this.programs.look(adapter);
    const credentials = await credentialsOf(adapter, this.config);
    const sandbox: SandboxPreflight = {
      kind: adapter.sandboxProbe === undefined ? 'rules' : 'contained',
      works: null,
      modes: LAUNCH_MODES.filter((mode) => adapter.modes?.has(mode) ?? true),
    };
    let version: string | null = null;
    if (program.path === null) {
      problems.push(program.fault);
    } else {
      const answer = await this.ask(adapter, program.path, ['--version'], VERSION_SECONDS);
      version = VERSION.exec(answer.stdout)?.[0] ?? null;
      const fault = versionFault(id, answer);
      if (fault !== null) problems.push(fault);
      else if (version === null) notes.push('It does not say its version for --version.');
      // A program that does not even say its version is asked nothing more.
      if (fault === null) {
        sandbox.works = await this.sandboxWorks(adapter, program.path, policy, problems, notes);
      }
    }
    const testedVersions = adapter.tested?.versions ?? [];
    const tested =
      version === null || adapter.tested === undefined ? null : testedVersions.includes(version);
    if (tested === false) notes.push(untested(adapter.tested!, version!));
    if (adapter.credentials !== undefined) {
      if (credentials.present === false) {
        problems.push(`It has no credentials; ${adapter.credentials.hint}.`);
      } else if (credentials.present === null) {
        notes.push(
          'No credentials were found where it usually has them; its settings may name others.',
        );
      }
    }
    const mode = configured ? modeFault(adapter, policy.sandboxMode) : null;
    if (mode !== null) problems.push(mode);
    return {
      id,
      configured,
      works: problems.length === 0,
      found: program.path !== null,
      path: program.path,
      version,
      tested,
      tested_versions: testedVersions,
      credentials,
      sandbox,
      problems,
      notes,
    };
  }

  /** Whether a CLI can hold a command in its sandbox here; null if it has none, or does not say. */
  private async sandboxWorks(
    adapter: AgentAdapter,
    program: string,
    policy: RunPolicy | null,
    problems: string[],
    notes: string[],
  ): Promise<boolean | null> {
    const { sandboxProbe } = adapter;
    if (sandboxProbe === undefined) return null;
    const answer = await this.ask(adapter, program, sandboxProbe.args(WRITE), SANDBOX_SECONDS);
    if (answer.code === sandboxProbe.unknownStatus) {
      notes.push('This version cannot be asked whether its sandbox works.');
      return null;
    }
    const wrote = answer.wrote(WRITTEN);
    if (answer.code === 0 && !wrote) return true;
    const why = wrote
      ? 'it let a command write that may only read'
      : lastLine(answer.stderr) || 'it gave no reason';
    const sentence = `Its sandbox does not work here (${why}); ${sandboxProbe.remedy}, or bring it into a container of its own and set FERMILINK_AGENT_SANDBOX_POLICY=bypass.`;
    // Under `bypass` nobody asks for it.
    (policy?.sandboxPolicy === 'bypass' ? notes : problems).push(sentence);
    return false;
  }

  private ask(
    { probeEnvironment: env }: AgentAdapter,
    program: string,
    args: string[],
    seconds: number,
  ): Promise<ProbeResult> {
    const { PATH: path } = this.config.environment;
    return this.probe.run(program, { args, path, env, seconds, signal: this.ending.signal });
  }
}

function versionFault(id: string, { fault, code, stderr }: ProbeResult): string | null {
  const reinstall = `install the CLI of ${id} again, or see what it says for --version`;
  switch (fault) {
    case 'start':
      return `It cannot be started; ${reinstall}.`;
    case 'flood':
      return `It does not stop writing when it is asked for --version; ${reinstall}.`;
    case 'silence':
      return `It did not end within ${VERSION_SECONDS} seconds when it was asked for --version; try again when the machine is less busy, or ${reinstall}.`;
    case null:
      if (code === 0) return null;
      return `It ended with ${code} when it was asked for --version (${lastLine(stderr) || 'without a word'}); ${reinstall}.`;
  }
}

function untested({ package: name, versions }: TestedCli, version: string): string {
  return `The version ${version} is not tested; "npm install -g ${name}@${versions.at(-1)}" installs one that is.`;
}

/** The last line that says something, cut, and without what a terminal would obey. */
function lastLine(text: string): string {
  const lines = text.split('\n').map((line) => line.replace(/[^\P{C}]/gu, '').trim());
  return (lines.findLast((line) => line !== '') ?? '').slice(0, 200);
}
