import { Injectable } from '@nestjs/common';
import { RunnerConfig } from '../config/runner-config.js';
import { Redactor } from './redactor.js';

/** Knows which secrets are to be replaced where; nothing is, where the administrator wants it so. */
@Injectable()
export class Redaction {
  private readonly ofServer: Redactor | null;
  /** Mostly all agents are handed the same secrets. */
  private last: { secrets: string; redactor: Redactor | null } | null = null;

  constructor(private readonly config: RunnerConfig) {
    this.ofServer = this.redactorFor(config.secrets);
  }

  /** What the server itself says, without its secrets. */
  text(text: string): string {
    return this.ofServer?.text(text) ?? text;
  }

  /** What an agent has said at some time: without the server's secrets, and those of the last agent. */
  agentText(text: string): string {
    return (this.last?.redactor ?? this.ofServer)?.text(text) ?? text;
  }

  /**
   * For what an agent says: every secret of the server, which an agent may get hold of, and those that
   * it was handed.
   * @returns null where there is nothing to replace
   */
  ofAgent(handedOver: readonly string[]): Redactor | null {
    const all = [...new Set([...this.config.secrets, ...handedOver])].sort();
    const secrets = JSON.stringify(all);
    if (this.last?.secrets !== secrets) this.last = { secrets, redactor: this.redactorFor(all) };
    return this.last.redactor;
  }

  private redactorFor(secrets: readonly string[]): Redactor | null {
    return this.config.redact && secrets.length > 0 ? new Redactor(secrets) : null;
  }
}
