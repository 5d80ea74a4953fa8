import { agentError, errorCodeOf } from './agent-error.js';

/** Sentences of models' servers, of CLIs and of what they are made with, by what they mean. */
const SENTENCES: Record<string, readonly string[]> = {
  out_of_memory: [
    'FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory',
    'fork: Out of memory',
    'memory allocation of 1048576 bytes failed',
    'spawn ENOMEM',
  ],
  quota: [
    '{"error":{"type":"insufficient_quota"}}',
    'Your organization has insufficient quota.',
    'You exceeded your current quota, please check your plan.',
    'The project exceeded your quota for today.',
    'Quota exceeded for metric generate_content_requests',
    'The daily quota was exceeded.',
    'Its quota has been exceeded.',
    'Your credit balance is too low to access the API.',
    'Add a card under Settings, Billing.',
    "You've hit your usage limit. Try again at 5 pm.",
    'Payment Required',
    'Request failed with status code 402',
  ],
  rate_limited: [
    'Rate limit reached for gpt-5 in organization org-1',
    '{"type":"error","error":{"type":"rate_limit_error"}}',
    'The request was rate-limited.',
    'x-ratelimit: RateLimit reached',
    'Too Many Requests',
    '{"status":"RESOURCE_EXHAUSTED"}',
    'exceeded retry limit, last status: 429',
  ],
  auth_missing: [
    'You are not logged in.',
    'Please run /login',
    'Please run `codex login` first.',
    'Please use /auth to choose a method.',
    'Invalid setup: API key missing',
    'The API key is missing.',
    'API key not set.',
    'OpenAI API key not found.',
    'No API key was given.',
    'no credentials for this provider',
    'No auth type is selected.',
    'Missing bearer token',
    'Missing API key',
    'missing credentials',
    'Missing Authentication header',
    'Missing environment variable: `OPENAI_API_KEY`.',
    'Please set an Auth method in your settings.json',
    '[API Error: Could not load the default credentials. Browse to https://x.]',
    'When using Gemini API, you must specify the GEMINI_API_KEY environment variable.',
  ],
  auth_rejected: [
    'Unauthorized',
    'The request was unauthorised.',
    '{"error":{"code":"invalid_api_key"}}',
    'Invalid API key · Fix external API key',
    'Incorrect API key provided: sk-abc',
    'API key not valid. Please pass a valid API key.',
    'invalid x-api-key',
    '{"type":"authentication_error","message":"The key is wrong."}',
    'Authentication failed for this account.',
    'Forbidden',
    '{"type":"permission_error"}',
    'unexpected status 401',
    'API Error: 403',
  ],
  network: [
    'connect ECONNREFUSED 127.0.0.1:443',
    'read ECONNRESET',
    'getaddrinfo ENOTFOUND api.example',
    'getaddrinfo EAI_AGAIN api.example',
    'connect ETIMEDOUT 10.0.0.1:443',
    'TypeError: fetch failed',
    'error sending request for url (https://api.example/v1)',
    'Connection refused (os error 111)',
    'API Error: Connection error.',
    'connection reset by peer',
    'connection closed before message completed',
    'Unable to connect. Is the computer able to access the url?',
    'Cannot connect to API',
    'A network error occurred.',
    'Network is unreachable (os error 101)',
    'stream disconnected before completion',
    'dns error: failed to lookup address',
    'The operation timed out.',
    'Request time out',
    'Request timeout after 60 s',
  ],
  cli_usage: [
    "error: unexpected argument '--no-such-option' found",
    "error: unknown option '--no-such-option'",
    'Unknown argument: no-such-option',
    'unrecognized option: x',
    "error: unrecognised subcommand 'exce'",
    "error: invalid value 'x' for '--sandbox <SANDBOX_MODE>'",
    'missing required argument: prompt',
    'Usage: codex [OPTIONS] [PROMPT]',
    'opencode run [message..]',
  ],
  permission_denied: [
    'Permission denied (os error 13)',
    'The permission was denied.',
    'Operation not permitted',
    'This command requires your approval.',
    'It requires approval.',
    "EACCES: open '/x'",
  ],
  model_error: [
    '{"type":"overloaded_error"}',
    'Internal Server Error',
    'Bad Gateway',
    'Service Unavailable',
    'API Error: 500 The model has failed.',
    'unexpected status 529',
  ],
};

/** Sentences of agents at work, in which a word or a number only looks like one of those. */
const HARMLESS = [
  'Attempt 1 of 3',
  'It read 512 files.',
  '    at Socket.emit (node:events:518:28)',
  'Error: x at file.js:500:3',
  'Listening on port 5001.',
  'Listening on 127.0.0.1:50000.',
  'It read 4290 lines.',
  'Request id 14290000',
  'It took 42.9 s, and 1401 tokens.',
  'Read 402000 bytes.',
  'The point 4035 lies outside.',
  'Jobs 15402, 15429, 2401 and 1503 are done.',
  'It has 1500 members.',
  'Ripgrep is not available. Falling back to GrepTool.',
  'Model metadata for `mock-model` not found.',
  'The usage: of words is measured.',
  'It says how to log in.',
  'Plotted the quota of each state.',
  'Neither ENOMEMORY nor XENOMEM is a code of the system.',
  'The network has four layers.',
  'The argument is known.',
  'Write [message] to the file.',
  'The memory is allocated.',
  'The rate is limited by diffusion.',
  '',
];

const rows = Object.entries(SENTENCES).flatMap(([code, all]) =>
  all.map((it): [sentence: string, code: string] => [it, code]),
);

describe('the meaning of a failure', () => {
  it.each(rows)('%s', (sentence, code) => {
    expect(errorCodeOf(sentence)).toBe(code);
  });

  // But for how a program is called, of which the place in the line tells.
  const anywhere = rows.filter(([it]) => !/^usage:|\[message\.\.\]$/i.test(it));
  it.each(anywhere)('is the same in the middle of a line of a log: %s', (sentence, code) => {
    expect(errorCodeOf(`12:00:01 ERROR agent: ${sentence} (see the log)`)).toBe(code);
  });

  it.each(HARMLESS)('is not known from %j', (sentence) => {
    expect(errorCodeOf(sentence)).toBeNull();
  });
});

describe('the status of a refusal', () => {
  it.each([
    [401, 'auth_rejected'],
    [402, 'quota'],
    [403, 'auth_rejected'],
    [429, 'rate_limited'],
    [500, 'model_error'],
    [529, 'model_error'],
  ])('%d counts for more than words', (status, code) => {
    for (const words of ['', 'connection error', 'Not logged in']) {
      expect(errorCodeOf(words, status)).toBe(code);
    }
  });

  it.each([400, 404])('%d is a fault of the model, unless words say more', (status) => {
    for (const words of ['', 'connection error'])
      expect(errorCodeOf(words, status)).toBe('model_error');
    expect(errorCodeOf('API key not valid.', status)).toBe('auth_rejected');
  });

  it('of too many requests hides no want of money', () => {
    expect(errorCodeOf('You exceeded your current quota.', 429)).toBe('quota');
  });

  it.each([200, 302, 600])('%d leaves it to the words', (status) => {
    expect(errorCodeOf('connection error', status)).toBe('network');
    expect(errorCodeOf('Something else', status)).toBeNull();
  });
});

describe('an error', () => {
  it('has the code that its words mean, or the one that is to hold otherwise', () => {
    expect(agentError('  Too Many Requests\n', 'agent_crashed')).toEqual({
      code: 'rate_limited',
      message: 'Too Many Requests',
    });
    expect(agentError('Something else', 'agent_crashed').code).toBe('agent_crashed');
    expect(agentError('Something else', 'agent_crashed', 403).code).toBe('auth_rejected');
  });

  it('has a message of bounded length', () => {
    expect(agentError('x'.repeat(2000), 'network').message).toBe('x'.repeat(2000));
    expect(agentError('x'.repeat(2001), 'network').message).toBe(`${'x'.repeat(1999)}…`);
  });
});
