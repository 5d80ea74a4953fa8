import { Module } from '@nestjs/common';
import { PackagesModule } from '../packages/packages.module.js';
import { GitRepositoryService } from './git-repository.service.js';
import { InstructionFilesService } from './instruction-files.service.js';
import { WorkspaceService } from './workspace.service.js';

@Module({
  imports: [PackagesModule],
  providers: [GitRepositoryService, InstructionFilesService, WorkspaceService],
  exports: [InstructionFilesService, WorkspaceService],
})
export class WorkspaceModule {}
