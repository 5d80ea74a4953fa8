import { inTurn } from '../../support/model-server/script.js';
import { RecordingProxy } from '../../support/recording-proxy.js';
import type { AgentCli } from '../clis.js';
import { Workbench } from '../workbench.js';

/** What a CLI asks of the network in one talk, but for its model on loopback. */
async function askedBy(cli: AgentCli, more: Record<string, string> = {}): Promise<string[]> {
  const proxy = await RecordingProxy.start();
  const bench = await Workbench.open(cli, { ...proxy.variables, ...more });
  try {
    const { model } = bench;
    const { session, repo } = bench.newSession();
    const use = { write: `${repo}/outputs/hello.txt`, content: 'Hello\n' };
    model.begin(inTurn({ use }, { say: 'It is written.' }));
    const { exit } = await bench.talk({ user_prompt: 'Greet', session_id: session });
    expect(exit).toMatchObject({ reason: 'completed', outcome: 'succeeded' });
    return proxy.asked;
  } finally {
    await bench.close();
    await proxy.stop();
  }
}

/**
 * The runner hands on the settings of a proxy, and so one that lets nobody through sees what a CLI wants from
 * the network.
 */
export function quietOf(cli: AgentCli): void {
  const unnamed = (asked: readonly string[]) => asked.filter((it) => !cli.needs.includes(it));

  it('asks nothing of the network but the model, and what it needs', async () => {
    expect(unnamed(await askedBy(cli))).toEqual([]);
  });

  it('asks for more where the administrator allows it', async () => {
    const allowed = { FERMILINK_AGENT_TELEMETRY: '1', FERMILINK_AGENT_UPDATE_CHECKS: '1' };
    expect(unnamed(await askedBy(cli, allowed))).not.toEqual([]);
  });
}
