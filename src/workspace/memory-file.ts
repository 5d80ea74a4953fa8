import { nowUtc } from '../common/clock.js';
import type { Directory } from '../common/directory.js';
import { kindOf } from '../common/regular-file.js';
import { RunnerError, toRunnerError } from '../common/errors.js';

const MEMORY_FILE = 'memory.md';
const FAILED = 'Failed to initialize workspace memory file:';

/** First and last line of what the platform may put before a prompt. */
const PREAMBLE_BEGIN = 'You are running in **FermiLink unified-memory mode**.';
const PREAMBLE_END = 'Current request/context:';

/**
 * Makes `projects/memory.md` on a session's first run; what is there is never replaced (contract,
 * section 5).
 * @throws {RunnerError} `memory_file_failed`, `disk_full`, `too_many_files`
 */
export async function ensureMemoryFile(projects: Directory, prompt: string): Promise<void> {
  try {
    const present = await projects.lstat(MEMORY_FILE);
    if (present === null) {
      // Linked into place: should the agent of an earlier run still write here, its file stays.
      await projects.createFile(MEMORY_FILE, memoryText(originalRequest(prompt), nowUtc()));
    } else if (!present.isFile()) {
      throw new RunnerError(
        'memory_file_failed',
        `${FAILED} projects/${MEMORY_FILE} is ${kindOf(present)}, but it must be a regular file; remove it and run again.`,
      );
    }
  } catch (error) {
    const sentence = `${FAILED} it could not be written; the log of the runner has the cause.`;
    throw toRunnerError(error, 'memory_file_failed', sentence);
  }
}

/** What the user asked for, without the platform's preamble. */
export function originalRequest(prompt: string): string {
  const lines = prompt.split('\n');
  const bare = (line: string | undefined) => line?.replace(/\r$/, '');
  if (bare(lines[0]) !== PREAMBLE_BEGIN) return prompt;
  const end = lines.findIndex((line) => bare(line) === PREAMBLE_END);
  if (end < 0) return prompt;
  const rest = lines
    .slice(end + 1)
    .join('\n')
    .trimStart();
  return rest.trim() === '' ? '(request unavailable)' : rest;
}

function memoryText(request: string, startedAt: string): string {
  return `# FermiLink Unified Memory

- schema_version: 1
- started_at_utc: ${startedAt}

## Original request

${request.trim() === '' ? '(request unavailable)' : request}

## Short-Term Memory (Operational)

### Plan

- [ ] 

### Progress log

- initialized

## Long-Term Memory (Persistent)

### File map

### Simulation history

### Key results

### Suggested skills updates
`;
}
