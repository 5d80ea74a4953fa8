import { CODEX, basesIn } from '../../../test/support/agent-settings.js';
import { PINNED_VERSIONS } from '../../../test/support/pinned-versions.js';
import { adaptersFor } from './index.js';

const ADAPTERS = [...adaptersFor({ codex: CODEX, agentBases: basesIn('/') }).values()];

it.each(Object.entries(PINNED_VERSIONS))('%s is tested at the version %s', (name, version) => {
  const adapter = ADAPTERS.find(({ tested }) => tested?.package === name);
  expect(adapter?.tested?.versions.at(-1)).toBe(version);
});
