import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { compileSource } from '../../test/support/compiled-source.js';

/**
 * Prepares one session again and again, each time after some of it was locked, as somebody who is not
 * root: permissions say nothing to root.
 */
const PROGRAM = `
  import { execFileSync } from 'node:child_process';
  import { chownSync, lstatSync, mkdirSync, readFileSync, statSync } from 'node:fs';
  import { join } from 'node:path';
  const [base, given] = process.argv.slice(2);
  const { loadConfig } = await import('./config/load-config.js');
  const { OverlayPlacement } = await import('./packages/overlay-placement.js');
  const { OverlayService } = await import('./packages/overlay.service.js');
  const { PackageIntegrity } = await import('./packages/package-integrity.js');
  const { PackageUse } = await import('./packages/package-use.js');
  const { PackageRegistry } = await import('./packages/package-registry.js');
  const { PackageResolver } = await import('./packages/package-resolver.js');
  const { GitRepositoryService } = await import('./workspace/git-repository.service.js');
  const { InstructionFilesService } = await import('./workspace/instruction-files.service.js');
  const { WorkspaceService } = await import('./workspace/workspace.service.js');
  // What is imported may stand where nobody else can read it.
  if (process.getuid() === 0) {
    const theirs = join(base, 'home', 'workspaces', 'theirs');
    mkdirSync(join(theirs, 'repo'), { recursive: true, mode: 0o700 });
    for (const path of [theirs, join(theirs, '..')]) chownSync(path, 65534, 65534);
    process.setgroups([]);
    process.setgid(65534);
    process.setuid(65534);
  }
  const config = loadConfig({
    FERMILINK_HOME: join(base, 'home'),
    FERMILINK_SOFTWARE_ROOT: join(base, 'template'),
    PATH: process.env.PATH,
  });
  const resolver = new PackageResolver(config, new PackageRegistry(config), new PackageUse());
  const git = new GitRepositoryService(config);
  const workspaces = new WorkspaceService(
    config,
    resolver,
    new OverlayService(resolver, new OverlayPlacement(), new PackageIntegrity()),
    new InstructionFilesService(config),
    git,
  );
  const prepare = async (sessionId = 's') => {
    const { repo } = await workspaces.prepare({
      sessionId,
      prompt: 'a prompt',
      requestedPackageId: 'tool',
      providerId: 'claude',
      signal: new AbortController().signal,
    });
    await repo.close();
  };
  await prepare();
  const cwd = join(config.workspacesRoot, 's', 'repo');
  const answers = {};
  for (const script of JSON.parse(given)) {
    execFileSync('/bin/sh', ['-c', script], { cwd });
    try {
      await prepare();
      const whole =
        lstatSync(join(cwd, 'AGENTS.md')).isFile() &&
        readFileSync(join(cwd, 'solver'), 'utf8') === 'solved' &&
        ['.', 'outputs', 'projects', '.git'].every((name) => {
          return (statSync(join(cwd, name)).mode & 0o700) === 0o700;
        });
      answers[script] = whole ? 'whole' : 'broken';
    } catch (error) {
      answers[script] = String(error.stack);
    }
  }
  await prepare('theirs').catch(({ detail }) => (answers.theirs = detail));
  await git.onModuleDestroy();
  console.log(JSON.stringify(answers));
`;

describe('what an agent may have done to permissions in its workspace', () => {
  let base: string;
  beforeEach(() => (base = mkdtempSync(join(tmpdir(), 'fermilink-permissions-'))));
  afterEach(() => rmSync(base, { recursive: true, force: true }));

  it('makes no session unusable', async () => {
    const scripts = [
      'chmod 555 .',
      'chmod 000 outputs',
      'chmod 000 projects',
      'chmod 444 projects',
      'chmod 000 .git',
      'chmod 000 .',
      'chmod 555 ..',
      'chmod 000 ..',
      'chmod 000 outputs projects .git .. .',
      'chmod 000 ../.package_manifest.json',
      'rm -r .git; echo x > .git; chmod 000 .git',
      'mkdir -p ext external_packages/x; chmod 000 external_packages',
      'rm AGENTS.md; mkdir -p AGENTS.md/a/b; touch AGENTS.md/a/b/c; chmod 555 AGENTS.md/a/b AGENTS.md/a',
      'rm AGENTS.md; mkdir -p AGENTS.md/a; touch AGENTS.md/a/b; chmod 000 AGENTS.md/a AGENTS.md .',
      'rm CLAUDE.md; mkdir -p CLAUDE.md/a; touch CLAUDE.md/a/b; chmod 000 CLAUDE.md/a CLAUDE.md',
    ];
    const source = join(base, 'source');
    compileSource(['common', 'config', 'packages', 'workspace'], source);
    writeFileSync(join(source, 'program.js'), PROGRAM);
    const pkg = join(base, 'tool');
    for (const folder of [pkg, join(base, 'template'), join(base, 'home')]) mkdirSync(folder);
    writeFileSync(join(pkg, 'solver'), 'solved');
    writeFileSync(join(base, 'template', 'AGENTS.md'), 'the rules');
    mkdirSync(join(base, 'home', 'scientific_packages'));
    writeFileSync(
      join(base, 'home', 'scientific_packages', 'registry.json'),
      JSON.stringify({ packages: { tool: { installed_path: pkg } } }),
    );
    for (const folder of [base, join(base, 'home')]) chmodSync(folder, 0o777);
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [join(source, 'program.js'), base, JSON.stringify(scripts)],
      { cwd: base },
    );
    const { theirs, ...answers } = JSON.parse(stdout);
    expect(answers).toEqual(Object.fromEntries(scripts.map((it) => [it, 'whole'])));
    // Only root can make what is somebody else's.
    if (process.getuid!() !== 0) return;
    expect(theirs).toBe(
      'repo is closed to the runner, but it must be a folder that it can read and write; remove it and run again.',
    );
  }, 60_000);
});
