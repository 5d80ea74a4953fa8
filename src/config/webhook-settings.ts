import { isLoopbackHost } from '../common/loopback.js';
import type { Environment } from './environment.js';
import { secretFault } from './secrets.js';

/** Where the end of each run is told, and how. */
export interface WebhookSettings {
  readonly url: URL;
  /** What each delivery is signed with. */
  readonly key: Buffer;
  /** Seconds that one try may take. */
  readonly timeoutSeconds: number;
  /** Hours after which a delivery that has not been taken is given up. */
  readonly maxAgeHours: number;
}

/** Bytes that a key has at least, as the Standard Webhooks scheme wants it. */
const MIN_KEY_BYTES = 24;
/** How that scheme marks a key in base64. */
const KEY_PREFIX = 'whsec_';

/** The webhook that the environment names; null if it names none, or the settings have faults. */
export function webhookSettings(
  values: Environment,
  env: Readonly<Record<string, string | undefined>>,
  { faults, warnings }: { faults: string[]; warnings: string[] },
): WebhookSettings | null {
  const { FERMILINK_RUNNER_WEBHOOK_URL: given, FERMILINK_RUNNER_WEBHOOK_SECRET: secret } = values;
  if (given === undefined) {
    if (secret !== undefined) {
      warnings.push(
        'FERMILINK_RUNNER_WEBHOOK_SECRET has no effect: FERMILINK_RUNNER_WEBHOOK_URL is not set.',
      );
    }
    return null;
  }
  const url = URL.canParse(given) ? new URL(given) : null;
  const rule = urlFault(url, values.FERMILINK_RUNNER_WEBHOOK_ALLOW_HTTP);
  if (rule !== null)
    faults.push(`FERMILINK_RUNNER_WEBHOOK_URL is ${shown(given)}, but it ${rule}.`);
  const key = secret === undefined ? null : keyIn(secret);
  if (secret === undefined) {
    faults.push(
      'FERMILINK_RUNNER_WEBHOOK_SECRET is not set, but it must be: each delivery to FERMILINK_RUNNER_WEBHOOK_URL is signed with it.',
    );
  } else if (key === null) {
    const wanted = `must be at least ${MIN_KEY_BYTES} characters, or "${KEY_PREFIX}" and at least ${MIN_KEY_BYTES} bytes in base64`;
    faults.push(secretFault('FERMILINK_RUNNER_WEBHOOK_SECRET', wanted, env) ?? wanted);
  }
  if (url === null || rule !== null || key === null) return null;
  return {
    url,
    key,
    timeoutSeconds: values.FERMILINK_RUNNER_WEBHOOK_TIMEOUT_SECONDS,
    maxAgeHours: values.FERMILINK_RUNNER_WEBHOOK_MAX_AGE_HOURS,
  };
}

function urlFault(url: URL | null, isHttpAllowed: boolean): string | null {
  if (url === null || !['http:', 'https:'].includes(url.protocol)) {
    return 'must be an absolute URL that begins with https://';
  }
  if (url.username !== '' || url.password !== '') {
    return 'must not hold a user or a password; deliveries are known by their signature';
  }
  if (url.hash !== '') return 'must not have a fragment';
  if (url.protocol === 'https:' || isHttpAllowed || isLoopbackHost(url.hostname)) return null;
  return 'must begin with https://, or lead to this machine; FERMILINK_RUNNER_WEBHOOK_ALLOW_HTTP=1 allows http elsewhere';
}

/** What may be a password, or a token in the query, is not shown. */
function shown(url: string): string {
  return JSON.stringify(url.replace(/\/\/[^/@]*@/, '//…@').replace(/\?.*$/, '?…'));
}

function keyIn(secret: string): Buffer | null {
  const encoded = secret.startsWith(KEY_PREFIX) ? secret.slice(KEY_PREFIX.length) : null;
  if (encoded !== null && !/^[A-Za-z0-9+/]+={0,2}$/.test(encoded)) return null;
  const key = encoded === null ? Buffer.from(secret) : Buffer.from(encoded, 'base64');
  return key.length < MIN_KEY_BYTES ? null : key;
}
