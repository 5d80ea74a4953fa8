/** A text of at most so many UTF-16 units; one that is longer ends in "…". */
export function shortened(text: string, most: number): string {
  if (text.length <= most) return text;
  // Half a pair would be no character.
  return `${text.slice(0, most - 1).replace(/[\ud800-\udbff]$/, '')}…`;
}
