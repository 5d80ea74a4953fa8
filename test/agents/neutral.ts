/** Forms of what differs from one machine, or one run, to the next. */
const IDS = [
  /\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g,
  // opencode's, of a time and a random part.
  /\b(?:ses|msg|prt)_[0-9a-f]{12}[0-9A-Za-z]{14}\b/g,
  // Those of runs, and of commits.
  /(?<=\brun-)[0-9a-f]{32}\b/g,
  /\b[0-9a-f]{40}\b/g,
];
/** claude's, which is named after its process. */
const SOCKET = /\/cc-socks-\d+\/\d+\.sock/g;
const MOMENT = /\b20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g;
const HTTP_DATE = /\b[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} 20\d\d \d\d:\d\d:\d\d GMT\b/g;
const MILLISECONDS = /(?<!\d)1[789]\d{11}(?!\d)/g;

/**
 * Takes out of the output of an agent what belongs to the machine and the moment: what stays is the same
 * wherever and whenever it is recorded.
 */
export class Neutral {
  private readonly ids = new Map<string, string>();

  /** @param places texts to be replaced, the longest first, and what stands there instead */
  constructor(private readonly places: readonly (readonly [string, string])[]) {}

  text(output: string): string {
    let result = output;
    for (const [from, to] of this.places) {
      // claude names folders of its own after paths.
      result = result.replaceAll(from, to).replaceAll(inOneName(from), inOneName(to));
    }
    for (const form of IDS) result = result.replace(form, (id) => this.idFor(id));
    return result
      .replace(SOCKET, '/cc-socks-0/1.sock')
      .replace(MOMENT, '2026-01-01T00:00:00.000Z')
      .replace(HTTP_DATE, 'Thu, 01 Jan 2026 00:00:00 GMT')
      .replace(MILLISECONDS, '1767225600000');
  }

  /** The same id by another name, of the same form. */
  private idFor(id: string): string {
    const known = this.ids.get(id);
    if (known !== undefined) return known;
    const number = String(this.ids.size + 1);
    const start = id.includes('_') ? id.slice(0, 4) : '';
    const zeros = id.slice(start.length).replace(/[0-9A-Za-z]/g, '0');
    const made = start + zeros.slice(0, -number.length) + number;
    this.ids.set(id, made);
    return made;
  }
}

function inOneName(path: string): string {
  return path.replace(/[^0-9A-Za-z]/g, '-');
}
