import fc from 'fast-check';
import { Redactor } from './redactor.js';
import { safeAgentLines } from './safe-lines.js';

const KEY = 'sk-proj-4fQ9xLm2Vt';

/** What becomes of lines, as texts. */
function redacted(secrets: readonly string[], text: string, isCut = false): string {
  return new Redactor(secrets).lines(Buffer.from(text), isCut).toString();
}

describe('a secret', () => {
  it('is replaced wherever it stands', () => {
    expect(redacted([KEY], `${KEY} ${KEY}${KEY}\n{"key":"${KEY}"}`)).toBe(
      '[redacted] [redacted][redacted]\n{"key":"[redacted]"}',
    );
  });

  it('is left out of texts too', () => {
    expect(new Redactor([KEY]).text(`Wrong key: ${KEY}.`)).toBe('Wrong key: [redacted].');
  });

  it('costs a block without it not even a copy', () => {
    const block = Buffer.from(`nothing\n${KEY.slice(1)}\n${KEY.slice(0, -1)}`);
    expect(new Redactor([KEY]).lines(block)).toBe(block);
  });

  it('leaves nothing of itself where it overlaps another', () => {
    const secrets = ['abcdefgh', 'efghijkl', 'fg-of-abcdefgh-and', 'a-of-abcd'];
    expect(redacted(secrets, 'abcdefghijkl')).toBe('[redacted]');
    expect(redacted(secrets, 'fg-of-abcdefgh-and fg-of-abcdefghijkl')).toBe(
      '[redacted] fg-of-[redacted]',
    );
    expect(redacted(['abcabcab'], 'abcabcabcab.')).toBe('[redacted].');
  });

  it('is found where JSON has escapes for it, once or twice', () => {
    const secret = 'pa"ss\\word\u2028 here';
    const inJson = JSON.stringify({ text: secret });
    const inJsonInJson = JSON.stringify({ text: inJson });
    for (const line of [secret, inJson, inJsonInJson]) {
      const shown = safeAgentLines(Buffer.from(line)).toString();
      expect(redacted([secret], shown)).toBe(
        shown.replace(/pa.*here/, '[redacted]').replace('\\\\[', '['),
      );
      expect(redacted([secret], shown)).not.toMatch(/pa|ss|word|here/);
    }
  });

  it.each([
    ['Python', 'pa\\"ss/w\\u00f6rd<&>'],
    ['PHP', 'pa\\"ss\\/w\\u00f6rd<&>'],
    ['Go', 'pa\\"ss/wörd\\u003c\\u0026\\u003e'],
  ])('is found as the JSON of %s has it, and in lines of other agents', (_encoder, inJson) => {
    const secret = 'pa"ss/wörd<&>';
    let line = `{"text":"${inJson}"}`;
    for (let depth = 1; depth <= 3; depth += 1) {
      expect(redacted([secret], line)).toBe(line.replace(inJson, '[redacted]'));
      expect(redacted([secret], line)).toContain('[redacted]');
      inJson = JSON.stringify(inJson).slice(1, -1);
      line = JSON.stringify({ line });
    }
  });

  it('is found in the form in which clients see it', () => {
    const spoken = 'correct horse battery';
    const shown = (line: Buffer | string) =>
      redacted([spoken], safeAgentLines(Buffer.from(line)).toString());
    expect(shown('it is correct\rhorse battery')).toBe('it is [redacted]');
    const replacement = new Redactor(['key-\ufffd-value']);
    const invalid = Buffer.from('key-\xff-value', 'latin1');
    expect(replacement.lines(safeAgentLines(invalid)).toString()).toBe('[redacted]');
    expect(replacement.decodedLines(invalid).toString()).toBe('[redacted]');
  });

  it('may have lines, which are found one by one and in JSON together', () => {
    const body = ['MIIEvQIBADANBgkqhkiG', '9w0BAQEFAASCBKcwggSj', 'AgEAAoIBAQC7'];
    const pem = ['-----BEGIN PRIVATE KEY-----', ...body, '-----END PRIVATE KEY-----'].join('\n');
    expect(redacted([pem], pem)).toBe(
      [
        '-----BEGIN PRIVATE KEY-----',
        '[redacted]',
        '[redacted]',
        // Too short to be looked for alone.
        'AgEAAoIBAQC7',
        '-----END PRIVATE KEY-----',
      ].join('\n'),
    );
    expect(redacted([pem], JSON.stringify({ pem }))).toBe('{"pem":"[redacted]"}');
    expect(redacted([pem], '-----BEGIN PRIVATE KEY-----')).toContain('BEGIN');
  });
});

describe('the end of a cut line', () => {
  it.each([8, 9, KEY.length - 1, KEY.length])('keeps no beginning of %d bytes', (length) => {
    const line = `the key is ${KEY.slice(0, length)}`;
    expect(redacted([KEY, 'another-secret'], line, true)).toBe('the key is [redacted]');
  });

  it('keeps what is shorter, or no beginning', () => {
    for (const end of [KEY.slice(0, 7), KEY.slice(1, 12), `${KEY.slice(0, 12)}.`]) {
      expect(redacted([KEY], `the key is ${end}`, true)).toBe(`the key is ${end}`);
    }
  });

  it('is not looked at where the line is whole', () => {
    expect(redacted([KEY], KEY.slice(0, 12))).toBe(KEY.slice(0, 12));
  });

  it('has the longest beginning of all taken away', () => {
    expect(redacted(['12345678-abc', '+++12345678-xyz'], 'x+++12345678', true)).toBe('x[redacted]');
  });
});

it('leaves nothing of any secret, and all that is of none', () => {
  const letters = fc.constantFrom('a', 'b', '"', '\\', '\n', '\r', ' ', '\u2028', 'é');
  const secrets = fc.array(
    fc.string({ unit: letters, minLength: 8, maxLength: 10 }).filter((it) => !/^\s|\s$/.test(it)),
    { minLength: 1, maxLength: 3 },
  );
  const texts = fc.array(fc.oneof(letters, fc.constantFrom(0, 1, 2)), { maxLength: 30 });
  fc.assert(
    fc.property(secrets, texts, (given, pieces) => {
      const text = pieces.map((it) => (typeof it === 'number' ? (given[it] ?? '') : it)).join('');
      const redactor = new Redactor(given);
      for (const line of [text, JSON.stringify({ text })]) {
        const safe = safeAgentLines(Buffer.from(line));
        const shown = redactor.lines(safe).toString();
        for (const secret of given.filter((it) => !it.includes('\n'))) {
          expect(shown).not.toContain(secret);
          if (line !== text) expect(shown).not.toContain(JSON.stringify(secret).slice(1, -1));
        }
        // What stands between the marks is what stood there.
        const rest = shown.split('[redacted]');
        let at = 0;
        for (const part of rest) {
          at = safe.toString().indexOf(part, at);
          expect(at).toBeGreaterThanOrEqual(0);
          at += part.length;
        }
      }
    }),
    { numRuns: 1000 },
  );
});

describe('an output full of secrets', () => {
  it.each([
    ['in one line', ' '],
    ['in a line each', '\n'],
    ['with nothing between', ''],
  ])('costs linear time: %s', (_how, between) => {
    const redactor = new Redactor([KEY, `${KEY}-and-more`, 'another-secret']);
    const cost = (count: number) => {
      const block = Buffer.from(Array.from({ length: count }, () => KEY).join(between));
      // Processor time: what else the machine does is no cost of ours.
      const began = process.cpuUsage();
      redactor.lines(block);
      const { user, system } = process.cpuUsage(began);
      return user + system;
    };
    const least = (count: number) => Math.min(...Array.from({ length: 5 }, () => cost(count)));
    cost(10_000);
    // Sixteen times the secrets; four times that for a busy machine. Quadratic cost would be 256 times.
    expect(least(160_000) / least(10_000)).toBeLessThan(64);
  });
});
