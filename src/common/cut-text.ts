/** A text, or its beginning with an ellipsis where it has more than `most` UTF-16 units. */
export function shortened(text: string, most: number): string {
  if (text.length <= most) return text;
  // Half a pair would be no character.
  return `${text.slice(0, most - 1).replace(/[\ud800-\udbff]$/, '')}…`;
}

/** Where to cut UTF-8 at `end` or up to three bytes before it, so that no character is split. */
export function wholeCharacters(bytes: Buffer, end: number): number {
  for (let back = 1; back <= 4 && back <= end; back += 1) {
    const byte = bytes[end - back] ?? 0;
    if ((byte & 0b1100_0000) === 0b1000_0000) continue;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return length > back ? end - back : end;
  }
  return end;
}
