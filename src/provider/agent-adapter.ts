import type { LaunchMode, StopSignal } from '../config/provider-definition.js';
import type { AgentSettings } from '../config/runner-config.js';
import type { AgentReading } from './agent-reading.js';
import type { AgentHome } from './homes/agent-home.js';
import type { RunPolicy } from './policy.js';

/** What an adapter makes a command line of. */
export interface LaunchContext {
  policy: RunPolicy;
  /** The session's `repo/`. */
  repoPath: string;
  /** The run's own folder for temporary files. */
  tmpDir: string;
  /** The agent's `HOME`. */
  homePath: string;
  /** The id of the talk that is to go on; null for a new one. */
  talk: string | null;
  /** A folder of the server's own for this run, for settings files that a CLI needs. */
  launchFolder: string;
  /** Variables that mark the run's processes, those of its tools too. */
  mark: Readonly<Record<string, string>>;
  /** The server's environment, for settings that are to be extended and not replaced. */
  environment: Readonly<Record<string, string | undefined>>;
  /** What is configured for all CLIs. */
  agents: AgentSettings;
  /** The administrator's settings of this CLI, by their place in a home. */
  settings: ReadonlyMap<string, string>;
}

/** A command line without its binary. The prompt is never part of it: it goes on stdin, or into a file. */
export interface AgentInvocation {
  args: string[];
  /** Variables that this CLI needs for the run; one that is undefined is kept back. */
  env?: Record<string, string | undefined>;
  /** Files to be written into the launch folder, by name. */
  files?: Record<string, string>;
  /** Settings in the place of the administrator's, by their place in a session's own home. */
  settings?: Record<string, string>;
}

/** How it is seen whether a CLI has credentials. */
export interface CredentialRules {
  /** Whether a variable of its environment, which is not blank, is enough. */
  isVariable(name: string, value: string): boolean;
  /** Files of which one is enough, besides the login in its home. */
  readonly files?: readonly string[];
  /** What to do where it has none, as the end of a sentence. */
  readonly hint: string;
}

/** How a CLI that lets the system hold its tools is asked whether that works here. */
export interface SandboxProbe {
  /** What runs a shell command in its sandbox, in which that may only read. */
  args(command: string): string[];
  /** The exit status of a version that does not know the question. */
  readonly unknownStatus: number;
  /** What lets its sandbox work, as a part of a sentence. */
  readonly remedy: string;
}

/** A CLI as `npm run test:agents` has driven it. Other versions may work as well; nobody has seen it. */
export interface TestedCli {
  /** Its package in npm's registry. */
  readonly package: string;
  /** The newest last. */
  readonly versions: readonly string[];
}

/** Knows how one agent CLI is driven. The command lines were found by running the CLIs. */
export interface AgentAdapter {
  readonly id: string;
  /** The program's usual name on PATH. */
  readonly binary: string;
  /** Absent where the tests of this project have not driven it. */
  readonly tested?: TestedCli;
  /** Absent where nobody can say what it needs. */
  readonly credentials?: CredentialRules;
  /** Absent where its modes are rules inside the program, or nothing. */
  readonly sandboxProbe?: SandboxProbe;
  /** Variables with which it is asked for its version and its sandbox. */
  readonly probeEnvironment?: Readonly<Record<string, string>>;
  /** Beginnings of the names of its own variables. */
  readonly environmentFamilies: readonly string[];
  /** By which it is asked to end: the signal at which it ends its own children too. */
  readonly politeSignal: StopSignal;
  /** Understands what it prints. */
  readonly reading: AgentReading;
  /** Names in a workspace from which it starts programs, whatever it is told. */
  readonly startsFrom?: readonly string[];
  /** The modes in which it can be started; all of them if absent. */
  readonly modes?: ReadonlySet<LaunchMode>;
  /** The name of the file in the launch folder that the prompt goes into; on stdin if absent. */
  readonly promptFile?: string;
  /** Variables that are the same for all its runs, for a server with this environment; undefined keeps one back. */
  variables?(
    environment: Readonly<Record<string, string | undefined>>,
  ): Readonly<Record<string, string | undefined>>;
  invocation(context: LaunchContext): AgentInvocation;
  /** What it keeps in the home of its user. */
  readonly home?: AgentHome;
  /** The prompt as this CLI has to be given it to read all of it as text. */
  stdin?(prompt: string): string;
  /** The program to start where the one that was found only starts another. */
  nativeBinary?(path: string): Promise<string>;
}
