import type { Activity as ServerActivity } from '../provider/activity.js';
import { END_REASONS, type AgentFacts as ServerAgentFacts } from '../run/run-record.js';
import { RUN_STATES } from '../run/run-record.js';
import {
  ON_BUSY,
  ON_DISCONNECT,
  type RunRequest as ServerRunRequest,
  VIEWS,
} from '../run/run-request.js';
import type {
  PackageBody as ServerPackageBody,
  PackageDeletionBody,
  PackageListBody,
} from '../packages/package.answers.js';
import type { PolicyBody as ServerPolicyBody, PolicyRequest } from '../policy/policy.answers.js';
import type {
  CommitBody as ServerCommitBody,
  DifferenceBody as ServerDifferenceBody,
} from '../sessions/history.answers.js';
import type {
  FolderEntryBody,
  SessionBody as ServerSessionBody,
} from '../sessions/session.answers.js';
import type {
  LogEvent,
  MetaEvent,
  QueuedEvent,
  RunnerExitEvent,
  ShutdownEvent,
  StalledEvent,
} from '../run/event.answers.js';
import type {
  ListedRunBody,
  RunBody as ServerRunBody,
  RunReference as ServerRunReference,
} from '../run/run.answers.js';
import type { Activity } from './activity.js';
import type { RunEvent } from './run-events.js';
import type * as resources from './wire-resources.js';
import type {
  AgentFacts,
  EndReason,
  RunBody,
  RunReference,
  RunRequest,
  RunState,
  View,
} from './wire.js';

/** Compiles only where what the server sends is what the client expects. */
function expects<Client>(sameFromServer: Client): void {
  expect(sameFromServer).toBeDefined();
}

/** The words of a type: `Record` wants every one of them, and no other. */
const words = <Word extends string>(all: Record<Word, true>) => Object.keys(all).sort();

describe("the client's words for what goes over the wire", () => {
  it('are those of the server', () => {
    expects<(body: ServerRunBody) => RunBody>((body) => body);
    expects<(body: ListedRunBody) => RunBody>((body) => body);
    expects<(body: ServerRunReference) => RunReference>((body) => body);
    type Data<Name extends RunEvent['event']> = Extract<RunEvent, { event: Name }>['data'];
    expects<(data: MetaEvent) => Data<'meta'>>((data) => data);
    expects<(data: LogEvent) => Data<'log'>>((data) => data);
    expects<(data: StalledEvent) => Data<'stalled'>>((data) => data);
    expects<(data: QueuedEvent) => Data<'queued'>>((data) => data);
    expects<(data: ShutdownEvent) => Data<'shutdown'>>((data) => data);
    expects<(data: RunnerExitEvent) => Data<'runner.exit'>>((data) => data);
    expects<(facts: ServerAgentFacts) => AgentFacts>((facts) => facts);
    expects<(activity: ServerActivity) => Activity>((activity) => activity);
    // What the client may send is known to the server, by name.
    expects<(name: keyof RunRequest) => keyof ServerRunRequest>((name) => name);
    expects<(body: ServerSessionBody) => resources.SessionBody>((body) => body);
    expects<(body: FolderEntryBody) => resources.FileEntry>((body) => body);
    expects<(body: ServerCommitBody) => resources.CommitBody>((body) => body);
    expects<(body: ServerDifferenceBody) => resources.DifferenceBody>((body) => body);
    expects<(body: ServerPackageBody) => resources.PackageBody>((body) => body);
    expects<(body: PackageListBody) => resources.PackageList>((body) => body);
    expects<(body: PackageDeletionBody) => resources.PackageDeletion>((body) => body);
    expects<(body: ServerPolicyBody) => resources.PolicyBody>((body) => body);
    expects<(body: resources.StoredPolicy) => PolicyRequest>((body) => body);
    const reasons = words<EndReason>({
      completed: true,
      timeout: true,
      cancelled: true,
      failed: true,
      lost: true,
      output_limit: true,
    });
    expect(reasons).toEqual([...END_REASONS].sort());
    const beforeTheEnd: Exclude<RunState, EndReason>[] = ['queued', 'preparing', 'running'];
    expect([...beforeTheEnd, ...reasons].sort()).toEqual([...RUN_STATES].sort());
    expect(words<View>({ raw: true, activity: true })).toEqual([...VIEWS].sort());
    type Word<Name extends keyof RunRequest> = NonNullable<RunRequest[Name]> & string;
    expect(words<Word<'on_busy'>>({ queue: true, reject: true, interrupt: true })).toEqual(
      [...ON_BUSY].sort(),
    );
    expect(words<Word<'on_disconnect'>>({ cancel: true, continue: true })).toEqual(
      [...ON_DISCONNECT].sort(),
    );
  });
});
