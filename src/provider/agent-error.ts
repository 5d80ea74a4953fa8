import { shortened } from '../common/cut-text.js';

/** Why an agent failed, in one list for all CLIs. */
export const AGENT_ERROR_CODES = [
  'auth_missing',
  'auth_rejected',
  'rate_limited',
  'quota',
  'model_error',
  'network',
  'permission_denied',
  'agent_crashed',
  'out_of_memory',
  'cli_usage',
] as const;
export type AgentErrorCode = (typeof AGENT_ERROR_CODES)[number];

export interface AgentError {
  code: AgentErrorCode;
  message: string;
}

/** The longest message of an error, in UTF-16 units. */
const MAX_MESSAGE = 2000;
/** How much of the beginning and of the end of a message is looked at: the rules take their time. */
const LOOKED_AT = 1000;

export const OUT_OF_MEMORY =
  /heap out of memory|out of memory|memory allocation of \d+ bytes failed|\bENOMEM\b/i;

/** A status of HTTP as people and programs name it; a bare number may be a line of a file, or count anything. */
const STATUS =
  /(?:status|code|error|https?(?:\/[\d.]+)?)\W{0,3}(?:code\W{0,3})?(40[123]|429|5\d\d)\b(?!:\d)/i;

/**
 * What the words of a failure mean, whoever says them: the first rule that holds. Models' servers and CLIs
 * have no list of codes in common, so their statuses and usual phrases are what there is.
 */
const RULES: readonly [code: AgentErrorCode, words: RegExp][] = [
  ['out_of_memory', OUT_OF_MEMORY],
  [
    'quota',
    /insufficient[_ ]quota|exceeded your (current )?quota|quota (was |has been )?exceeded|credit balance|billing|usage limit|payment required/i,
  ],
  ['rate_limited', /rate[-_ ]?limit|too many requests|RESOURCE_EXHAUSTED/i],
  [
    'auth_missing',
    /not logged in|please (run|use) .{0,20}(login|auth)|api key (is )?(missing|not (set|found))|no (api key|credentials|auth)|missing (bearer|api key|credentials|authentication|environment variable)|set an auth method|must specify the \w+ environment variable|could not load the default credentials/i,
  ],
  [
    'auth_rejected',
    /unauthori[sz]ed|invalid[_ ]api[_ ]key|incorrect api key|api key not valid|invalid x-api-key|authentication[_ ](error|failed)|forbidden|permission_error/i,
  ],
  [
    'network',
    /ECONNREFUSED|ECONNRESET|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|fetch failed|error sending request|connection (refused|error|reset|closed)|unable to connect|cannot connect|network (error|is unreachable)|stream disconnected|dns error|timed? ?out/i,
  ],
  [
    'cli_usage',
    /unexpected argument|unknown (option|argument)|unrecogni[sz]ed (option|subcommand)|invalid value .{0,80} for|missing required argument|^usage:|\[message\.\.\]$/i,
  ],
  [
    'permission_denied',
    /permission (was )?denied|not permitted|requires (your )?approval|\bEACCES\b/i,
  ],
  ['model_error', /overloaded|internal server error|bad gateway|service unavailable/i],
];

/** The code of a failure, from the status of HTTP if one is known, and from its words; null if they say nothing. */
export function errorCodeOf(message: string, status?: number): AgentErrorCode | null {
  const words =
    message.length > 2 * LOOKED_AT
      ? `${message.slice(0, LOOKED_AT)}\n${message.slice(-LOOKED_AT)}`
      : message;
  const said = RULES.find(([, rule]) => rule.test(words))?.[0] ?? null;
  // A refusal for want of money has the status of many requests, and a crash may name any number.
  if (said === 'quota' || said === 'out_of_memory') return said;
  const answer = status !== undefined && status >= 400 && status < 600 ? status : null;
  const named = answer ?? Number(STATUS.exec(words)?.[1]);
  const refusal = REFUSALS.get(named);
  if (refusal !== undefined) return refusal;
  // Where somebody has answered, it was not the network.
  const isFault = answer !== null && (answer >= 500 || said === 'network');
  if (isFault) return 'model_error';
  return said ?? (Number.isNaN(named) ? null : 'model_error');
}

const REFUSALS: ReadonlyMap<number, AgentErrorCode> = new Map([
  [401, 'auth_rejected'],
  [402, 'quota'],
  [403, 'auth_rejected'],
  [429, 'rate_limited'],
]);

/** A failure in the words in which it was said, and the code that they mean, else `fallback`. */
export function agentError(message: string, fallback: AgentErrorCode, status?: number): AgentError {
  return knownError(errorCodeOf(message, status) ?? fallback, message);
}

/** A failure whose code is known. */
export function knownError(code: AgentErrorCode, message: string): AgentError {
  return { code, message: shortened(message.trim(), MAX_MESSAGE) };
}
