import { jsonObjectIn, withoutComments } from '../../common/json.js';
import { secretValues } from '../../config/secret-values.js';

/** `NAME=value`, as dotenv and TOML have it, with or without quotes. */
const ASSIGNMENT = /^[ \t]*(?:export[ \t]+)?([\w.-]+)[ \t]*=[ \t]*(["']?)(.*?)\2[ \t\r]*$/gm;

/** The secrets that stand in a CLI's settings or login: JSON, TOML, or variables line by line. */
export function secretsInFile(text: string): string[] {
  const members = jsonObjectIn(withoutComments(text));
  if (Object.keys(members).length > 0) return secretValues({ file: JSON.stringify(members) });
  const variables: [string, string][] = [];
  for (const [, name, , value] of text.matchAll(ASSIGNMENT)) variables.push([name!, value!]);
  // One name may stand in several tables.
  return variables.flatMap(([name, value]) => secretValues({ [name]: value }));
}
