import { Module } from '@nestjs/common';
import { OverlayPlacement } from './overlay-placement.js';
import { OverlayService } from './overlay.service.js';
import { PackageRegistry } from './package-registry.js';
import { PackageResolver } from './package-resolver.js';
import { PackagesService } from './packages.service.js';

@Module({
  providers: [PackageRegistry, PackageResolver, PackagesService, OverlayPlacement, OverlayService],
  exports: [PackageResolver, PackagesService, OverlayService],
})
export class PackagesModule {}
