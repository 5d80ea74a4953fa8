import { createRequire } from 'node:module';
import { Command, InvalidArgumentError, Option } from 'commander';
import { EXIT_HELP } from './exit-codes.js';
import { connectionHelp, withConnection } from './options.js';
import { addPackageCommands } from './package-commands.js';

// Each command loads what it needs when it is used: a server must not wait for a terminal's tools, nor a
// client for a server.

const { version } = createRequire(import.meta.url)('../../package.json') as { version: string };

/** All commands with their options; what they do stands in `commands/`. */
export function program(): Command {
  const root = new Command('fermilink-runner')
    .description('Runs coding agents for the FermiLink platform, and talks to a server that does.')
    .version(version, '--version')
    .configureHelp({ sortSubcommands: false, showGlobalOptions: false })
    .showHelpAfterError('(--help says what there is)')
    .exitOverride();
  const add = (usage: string, description: string) =>
    // Without it a command of its own would end the process.
    root.command(usage).description(description).exitOverride();

  add('serve', 'start the server, with the settings of the environment').action(async () => {
    await import('../main.js');
  });

  withConnection(add('run <prompt>', 'let an agent work, and show what it says and does'))
    .description(
      'let an agent work, and show what it says and does; "-" reads the prompt from stdin',
    )
    .option('--session <id>', 'the session whose files it works on; a new one')
    .option('--package <id>', 'the scientific package to link into the session')
    .addOption(
      new Option('--sandbox <mode>', 'narrows what the administrator allows').choices([
        'read-only',
      ]),
    )
    .option('--continue', "go on with the session's last conversation")
    .addOption(
      new Option('--on-busy <what>', 'what to do while the session has another run').choices([
        'queue',
        'reject',
        'interrupt',
      ]),
    )
    .option('--max-runtime <seconds>', 'end it after so many seconds', wholeNumber)
    .option('--keep', 'let it go on when this command is gone')
    .option('--detach', 'print its id, and do not wait for it')
    .addOption(viewOption())
    .option('--json', 'print its events, one JSON object a line')
    .addHelpText(
      'after',
      `${connectionHelp}
Ctrl-C asks the server to end the run and waits for its end; a second one leaves at once. Who leaves
without asking, or whose output is closed, leaves the run half a minute to live (with --keep: all its time).
${EXIT_HELP}`,
    )
    .action(async (prompt: string, options: object) => {
      await (await import('./commands/run.js')).run(prompt, options);
    });

  withConnection(add('follow <run>', 'show a run from its beginning, to its end'))
    .option('--after <event>', 'only what came after this event', wholeNumber)
    .addOption(viewOption())
    .option('--json', 'print its events, one JSON object a line')
    .addHelpText('after', `${connectionHelp}\nCtrl-C leaves the run to itself.\n${EXIT_HELP}`)
    .action(async (id: string, options: object) => {
      await (await import('./commands/follow.js')).follow(id, options);
    });

  withConnection(add('runs', 'list runs, newest first'))
    .option('--session <id>', 'only those of this session')
    .option('--state <state>', 'only those in this state: queued, running, completed, …')
    .option('--limit <number>', 'at most so many; 20', wholeNumber)
    .option('--json', 'print them, one JSON object a line')
    .addHelpText('after', connectionHelp)
    .action(async (options: object) => {
      await (await import('./commands/runs.js')).runs(options);
    });

  withConnection(add('cancel <run>', 'end a run with all of its processes, and wait for its end'))
    .option('--json', 'print the run as it is then, as a JSON object')
    .addHelpText('after', connectionHelp)
    .action(async (id: string, options: object) => {
      await (await import('./commands/cancel.js')).cancel(id, options);
    });

  withConnection(
    add('files <session> [folder]', 'list the files of a session, or of a folder in it'),
  )
    .option('--json', 'print them, one JSON object a line')
    .addHelpText('after', connectionHelp)
    .action(async (id: string, folder: string | undefined, options: object) => {
      await (await import('./commands/files.js')).files(id, folder, options);
    });

  withConnection(add('get <session> <path>', 'print a file of a session, or save it'))
    .option('-o, --output <file>', 'save it there; nothing that is there already is replaced')
    .option('--force', 'replace what is there')
    .addHelpText('after', connectionHelp)
    .action(async (id: string, path: string, options: object) => {
      await (await import('./commands/get.js')).get(id, path, options);
    });

  addPackageCommands(root);

  // Its options are its own: it is there without the rest too.
  add('token', 'make, list and remove the tokens by which the server knows its callers')
    .usage('[options]')
    .argument('[options...]')
    .allowUnknownOption()
    .helpOption(false)
    .addHelpText('after', '\nfermilink-runner token --help shows them.')
    .action(async (options: string[]) => {
      await (await import('./commands/token.js')).token(options);
    });

  add('doctor', 'say of each provider whether it can work on this machine, and what to do')
    .option('--json', 'as GET /ops/providers answers')
    .action(async ({ json }: { json?: boolean }) => {
      await (await import('../ops/doctor.js')).doctor(json === true ? ['--json'] : []);
    });

  return root;
}

function viewOption(): Option {
  return new Option(
    '--view <view>',
    'activity: in the words of this project; raw: the lines of the agent (default with --json)',
  ).choices(['activity', 'raw']);
}

function wholeNumber(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number.');
}
