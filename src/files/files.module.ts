import { Module } from '@nestjs/common';
import { PackagesModule } from '../packages/packages.module.js';
import { WorkspaceModule } from '../workspace/workspace.module.js';
import { RunChanges } from './changes/run-changes.service.js';
import { FileChanges } from './file-changes.service.js';
import { FileReading } from './file-reading.service.js';
import { FolderListing } from './folder-listing.service.js';
import { GitFolders } from './history/git-folders.js';
import { GitProgram } from './history/git-program.js';
import { History } from './history/history.service.js';
import { OverlayLinks } from './overlay-links.js';
import { SessionArchive } from './session-archive.service.js';
import { SessionFolders } from './session-folders.js';
import { Staging } from './staging.service.js';

@Module({
  imports: [PackagesModule, WorkspaceModule],
  providers: [
    OverlayLinks,
    SessionFolders,
    Staging,
    FileChanges,
    FileReading,
    FolderListing,
    GitFolders,
    GitProgram,
    History,
    RunChanges,
    SessionArchive,
  ],
  exports: [
    SessionFolders,
    Staging,
    FileChanges,
    FileReading,
    FolderListing,
    History,
    RunChanges,
    SessionArchive,
  ],
})
export class FilesModule {}
