import { isShort } from '../support/form.js';
import { answersOf, faultsOf } from './cases/answers.js';
import { confinementOf, planningOf } from './cases/confinement.js';
import { cancelOf, endingsOf } from './cases/endings.js';
import { plantedOf } from './cases/planted.js';
import { quietOf } from './cases/quiet.js';
import { choicesOf, longPromptOf, promptsOf } from './cases/requests.js';
import { talksOf } from './cases/talks.js';
import { AGENT_CLIS, type AgentId, pinnedVersion } from './clis.js';
import { Workbench } from './workbench.js';

const MINUTE = 60_000;

/** What holds for every CLI; in the short form the least that shows that one is driven right. */
export function describeAgent(id: AgentId): void {
  const cli = AGENT_CLIS[id];

  describe(`${id} ${pinnedVersion(cli)}, driven by the runner`, () => {
    let open: Workbench;
    const bench = () => open;

    beforeAll(async () => {
      open = await Workbench.open(cli);
    }, MINUTE);
    beforeEach(() => open.setPolicy());
    afterAll(() => open?.close(), MINUTE);
    jest.setTimeout(3 * MINUTE);

    answersOf(bench);
    cancelOf(bench);
    plantedOf(bench);
    if (isShort) {
      promptsOf(bench, ['--help']);
      return;
    }
    promptsOf(bench);
    longPromptOf(bench);
    choicesOf(bench);
    confinementOf(bench);
    talksOf(bench);
    planningOf(bench, cli.planning);
    faultsOf(bench);
    endingsOf(bench);
    quietOf(cli);
  });
}
