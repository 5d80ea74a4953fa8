import { ExitWords } from './exit-words.js';

const words = (...blocks: string[]) => {
  const seen = new ExitWords();
  for (const block of blocks) seen.add(Buffer.from(block));
  return seen;
};

describe('what an agent has written to stderr', () => {
  it('tells by its last line that names one why it failed', () => {
    const seen = words('Error: 401 Unauthorized', 'é\nfetch failed: ECONNREFUSED\n  at line 3');
    expect(seen.failure).toEqual({ code: 'network', message: 'fetch failed: ECONNREFUSED' });
    expect(words('all is well', '').failure).toBeNull();
  });

  it.each([0, 30_000, 60_000])(
    'tells that memory ran out, with a trace of %d bytes behind',
    (size) => {
      const trace = 'at é (x.js)\n'.repeat(size / 12);
      const seen = words('a note', `é\nFATAL ERROR: heap out of memory é\n${trace}`, trace, 'more');
      expect(seen.crash).toEqual({
        code: 'out_of_memory',
        message: 'FATAL ERROR: heap out of memory é',
      });
    },
  );

  it('keeps only its end', () => {
    const seen = words('401 Unauthorized', `${'x'.repeat(100)}\n`.repeat(200));
    expect(seen.failure).toBeNull();
  });
});
