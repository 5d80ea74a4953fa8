import { Module } from '@nestjs/common';
import { ManagedStorage } from './managed-storage.js';
import { OverlayPlacement } from './overlay-placement.js';
import { OverlayService } from './overlay.service.js';
import { PackageIntegrity } from './package-integrity.js';
import { PackagePaths } from './package-paths.js';
import { PackageRegistry } from './package-registry.js';
import { PackageResolver } from './package-resolver.js';
import { PackageUse } from './package-use.js';
import { PackagesController } from './packages.controller.js';
import { PackagesService } from './packages.service.js';
import { PackageUploadService } from './upload/package-upload.service.js';

@Module({
  controllers: [PackagesController],
  providers: [
    PackageRegistry,
    PackageUse,
    PackageResolver,
    PackagePaths,
    ManagedStorage,
    PackagesService,
    PackageUploadService,
    PackageIntegrity,
    OverlayPlacement,
    OverlayService,
  ],
  exports: [PackageResolver, PackagesService, OverlayService, ManagedStorage],
})
export class PackagesModule {}
