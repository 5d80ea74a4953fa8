import { join } from 'node:path';

/** The folder of one run in the runtime root. It is removed at the run's end, with all that is left in it. */
export class RunFolder {
  /** In the runtime root. */
  readonly name: string;
  readonly path: string;
  /** The agent's folder for temporary files. */
  readonly tmp: string;
  /** Settings files that a CLI needs for this run; made where there are any. */
  readonly launch: string;
  /** Where the session's home is built anew. */
  readonly home: string;
  /** Where the home of the run before is put away. */
  readonly homeBefore: string;

  constructor(runtimeRoot: string, runId: string) {
    this.name = `run-${runId}`;
    this.path = join(runtimeRoot, this.name);
    this.tmp = join(this.path, 'tmp');
    this.launch = join(this.path, 'launch');
    this.home = join(this.path, 'home');
    this.homeBefore = join(this.path, 'home-before');
  }
}
