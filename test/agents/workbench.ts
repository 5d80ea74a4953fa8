import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ModelServer } from '../support/model-server/model-server.js';
import { Runner, temporaryFolder } from '../support/runner.js';
import { type RunBody, StreamClient, type StreamEvent } from '../support/stream-client.js';
import { type AgentCli, programOf } from './clis.js';

/** The key that agents are given. */
export const KEY = 'sk-key-of-the-test';

/** What the environment of the server has and no agent may see. */
export const DECOY = 'a-secret-of-the-server';

/** Time in which every CLI has asked the model, also on a machine that has other things to do. */
export const LIMIT_SECONDS = 60;

/** What came of one run. */
export interface Talk {
  events: StreamEvent[];
  /** All lines of the agent's stdout. */
  said: string;
  exit: Record<string, unknown>;
}

/** A runner whose agents are of one real CLI, and the model that they ask. */
export class Workbench {
  private sessions = 0;

  private constructor(
    readonly cli: AgentCli,
    readonly model: ModelServer,
    readonly runner: Runner,
  ) {}

  /** @param more further variables of the server; an empty one takes one away */
  static async open(cli: AgentCli, more: Record<string, string> = {}): Promise<Workbench> {
    const model = await ModelServer.start();
    const home = temporaryFolder();
    const environment = {
      FERMILINK_AGENT_PROVIDER: cli.id,
      [`FERMILINK_${cli.id.toUpperCase()}_BIN`]: programOf(cli),
      [cli.keyVariable]: KEY,
      AWS_SECRET_ACCESS_KEY: DECOY,
      DATABASE_URL: DECOY,
      FERMILINK_RUNNER_METRICS_TOKEN: DECOY,
      ...cli.environment(home, model.url),
      ...more,
    };
    const runner = await Runner.start(environment, home);
    return new Workbench(cli, model, runner);
  }

  async close(): Promise<void> {
    await this.runner.stop();
    await this.model.stop();
  }

  /** A session that no other test has, and where it works. */
  newSession(): { session: string; repo: string } {
    const session = `talk-${(this.sessions += 1)}`;
    return { session, repo: this.runner.repo(session) };
  }

  /** Decides for the runs to come as an administrator does; without anything, the defaults hold. */
  setPolicy(policy: Record<string, string> = {}): void {
    const path = join(this.runner.home, 'fermilink', 'agent_runtime.json');
    writeFileSync(path, JSON.stringify(policy));
  }

  /** Starts a run, and waits until its agent has been started. */
  async start(body: RunBody): Promise<{ client: StreamClient; runId: string }> {
    const client = await StreamClient.open(this.runner, body);
    const { data } = await client.waitFor(({ event }) => event === 'meta');
    return { client, runId: (JSON.parse(data) as { run_id: string }).run_id };
  }

  /** A run from its beginning to its end. */
  async talk(body: RunBody): Promise<Talk> {
    const { client } = await this.start(body);
    const exit = await client.exit();
    return { events: client.events, said: client.dataOf('agent').join('\n'), exit };
  }
}
