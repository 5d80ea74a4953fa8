import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inTurn } from '../support/model-server/script.js';
import { AGENT_CLIS } from './clis.js';
import { describeAgent } from './suite.js';
import { KEY, Workbench } from './workbench.js';

describeAgent('gemini');

describe('gemini, without a key in the environment of the server', () => {
  const { gemini } = AGENT_CLIS;
  let bench: Workbench;
  afterEach(() => bench.close(), 60_000);

  it("has that of the administrator's own .env", async () => {
    const environment = (home: string, modelUrl: string) => {
      const variables = gemini.environment(home, modelUrl);
      writeFileSync(join(home, '.gemini', '.env'), `GEMINI_API_KEY=${KEY}\n`);
      return variables;
    };
    bench = await Workbench.open({ ...gemini, environment }, { GEMINI_API_KEY: '' });
    bench.model.begin(inTurn({ say: 'Done.' }));
    const { exit } = await bench.talk({ user_prompt: 'Hello', session_id: 'talk' });
    expect(exit).toMatchObject({ outcome: 'succeeded', result_text: 'Done.' });
    expect(bench.model.requests.map(({ key }) => key)).toEqual([KEY]);
  }, 180_000);

  it('says that it has none', async () => {
    bench = await Workbench.open(gemini, { GEMINI_API_KEY: '' });
    const { exit } = await bench.talk({ user_prompt: 'Hello', session_id: 'talk' });
    expect(exit).toMatchObject({ outcome: 'failed', error: { code: 'auth_missing' } });
    expect(bench.model.requests).toEqual([]);
  }, 180_000);
});
