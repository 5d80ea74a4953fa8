/** A server that the administrator has chosen, or the address of the usual one. */
const CHOSEN = /^\s*model_provider\s*=\s*(?:"([^"]*)"|'([^']*)')/m;
const OWN_ADDRESS = /^\s*["']?(openai_base_url|chatgpt_base_url|profile|oss_provider)["']?\s*=/m;
const OWN_RETRIES = /\b(request|stream)_max_retries\b/;
/** The name of a server that can be written without quotes. */
const PLAIN_NAME = /^[A-Za-z0-9_-]+$/;

/** The usual server under another name: codex lets nobody change the settings of its own. */
const USUAL = 'fermilink';

/**
 * Settings by which codex tries a failed request again so many times. They belong to the server of the
 * model; where `config.toml` says how often, or has a server that cannot be named here, it decides.
 * @param configToml the administrator's
 */
export function retrySettings(retries: number | null, configToml: string): string[] {
  if (retries === null || OWN_RETRIES.test(configToml)) return [];
  const chosen = CHOSEN.exec(configToml);
  const counts = [`request_max_retries=${retries}`, `stream_max_retries=${retries}`];
  if (chosen !== null) {
    const name = chosen[1] ?? chosen[2]!;
    // What is not in the file is one of codex's own.
    if (!PLAIN_NAME.test(name) || !configToml.includes(`model_providers.${name}`)) return [];
    return counts.map((it) => `model_providers.${name}.${it}`);
  }
  if (OWN_ADDRESS.test(configToml)) return [];
  const server = ['name="OpenAI"', 'wire_api="responses"', 'requires_openai_auth=true', ...counts];
  return [`model_providers.${USUAL}={${server.join(',')}}`, `model_provider="${USUAL}"`];
}
