import type { Command } from 'commander';
import { connectionHelp, withConnection } from './options.js';

const commands = () => import('./commands/packages.js');

/** `fermilink-runner packages …` */
export function addPackageCommands(root: Command): void {
  const group = root
    .command('packages')
    .description('show and change the scientific packages of the server')
    .exitOverride();
  const add = (usage: string, description: string, isDefault = false) =>
    withConnection(group.command(usage, { isDefault }).description(description).exitOverride())
      .option('--json', 'print what the server answers, as JSON')
      .addHelpText('after', connectionHelp);

  add('list', 'list them; the active one has a star', true).action(async (options: object) =>
    (await commands()).list(options),
  );
  add('show <id>', 'show one').action(async (id: string, options: object) =>
    (await commands()).show(id, options),
  );
  add('register <id> <folder>', "register a folder of the server's machine")
    .option('--title <title>', 'for people')
    .action(async (id: string, folder: string, options: object) =>
      (await commands()).register(id, folder, options),
    );
  add('upload <id> <file>', 'upload one as a tar.gz')
    .option('--title <title>', 'for people')
    .option('--replace', 'one that is there already')
    .action(async (id: string, file: string, options: object) =>
      (await commands()).upload(id, file, options),
    );
  add('activate <id>', 'make it the one that runs get where nothing else decides').action(
    async (id: string, options: object) => (await commands()).activate(id, options),
  );
  add('overlay <id> [names...]', 'link only these top-level names; without any, all').action(
    async (id: string, names: string[], options: object) =>
      (await commands()).overlay(id, names, options),
  );
  add('depend <id> [ids...]', 'link these packages beside it').action(
    async (id: string, ids: string[], options: object) =>
      (await commands()).depend(id, ids, options),
  );
  add('remove <id>', "take it out; its files go where they are the server's own").action(
    async (id: string, options: object) => (await commands()).remove(id, options),
  );
}
