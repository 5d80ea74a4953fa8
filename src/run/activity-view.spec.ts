import { READINGS } from '../provider/readings/index.js';
import { ActivityView } from './activity-view.js';
import { eventFrame } from './event-frame.js';

const view = () =>
  new ActivityView(
    () => READINGS.opencode,
    (text) => text.replaceAll('hush', '[redacted]'),
  );
const shown = async (...lines: string[]) =>
  String(
    await view().of(
      Buffer.from(lines.map((it, i) => eventFrame(i + 2, 'agent', it)).join('')),
      true,
    ),
  )
    .split('\n\n')
    .slice(0, -1);

const TOOL =
  '{"type":"tool_use","part":{"tool":"bash","callID":"c","state":{"status":"completed","input":{"command":"ls"},"output":"x"}}}';

describe('the activities of an event', () => {
  it('have its id with the last of them alone', async () => {
    expect(await shown(TOOL, TOOL)).toEqual([
      expect.stringMatching(/^event: activity\ndata: \{"type":"tool_call"/),
      expect.stringMatching(/^id: 2\nevent: activity\ndata: \{"type":"tool_result"/),
      expect.stringMatching(/^event: activity\ndata: \{"type":"tool_call"/),
      expect.stringMatching(/^id: 3\nevent: activity\ndata: \{"type":"tool_result"/),
    ]);
  });

  it('are one that is unknown where they cannot be written', async () => {
    const deep = '['.repeat(20_000) + ']'.repeat(20_000);
    const line = `{"type":"tool_use","part":{"tool":"x","callID":"c","state":{"input":${deep}}}}`;
    expect(await shown(line, TOOL)).toEqual([
      'id: 2\nevent: activity\ndata: {"type":"unknown"}',
      expect.stringContaining('tool_call'),
      expect.stringContaining('id: 3'),
    ]);
  });

  it('show no secret that the line had with other escapes', async () => {
    const [frame] = await shown('{"type":"text","part":{"text":"it is \\u0068ush"}}');
    expect(frame).toContain('"text":"it is [redacted]"');
  });
});
