import type { PackageBody, PackageDeletion, PackageList } from './wire-resources.js';
import { type Body, pathOf, type Transport } from './transport.js';

interface Signal {
  signal?: AbortSignal;
}

/** The scientific packages of a server. What changes them needs the scope `packages:write`. */
export class PackagesClient {
  constructor(private readonly transport: Transport) {}

  list({ signal }: Signal = {}): Promise<PackageList> {
    return this.transport.json('GET', '/packages', { signal });
  }

  /** @throws {RunnerProblem} `package_not_found` */
  get(id: string, { signal }: Signal = {}): Promise<PackageBody> {
    return this.transport.json('GET', pathOf('packages', id), { signal });
  }

  /** Registers a folder of the server's own machine. */
  register(
    given: { id: string; path: string; title?: string; source?: string },
    { signal }: Signal = {},
  ): Promise<PackageBody> {
    return this.transport.json('POST', '/packages', { json: given, signal });
  }

  /**
   * Uploads a package.
   * @param archive a tar.gz
   * @param replace one that is there already
   */
  upload(
    id: string,
    archive: Body,
    { replace, title, signal }: Signal & { replace?: boolean; title?: string } = {},
  ): Promise<PackageBody> {
    return this.transport.json('PUT', `${pathOf('packages', id)}/archive`, {
      body: archive,
      headers: { 'content-type': 'application/gzip' },
      query: { replace: replace === true ? true : undefined, title },
      signal,
    });
  }

  /** Makes it the one that runs get where nothing else decides. */
  activate(id: string, { signal }: Signal = {}): Promise<PackageBody> {
    return this.transport.json('POST', `${pathOf('packages', id)}/activate`, { signal });
  }

  /** @param entries top-level names that go into a session; none stands for all that may */
  setOverlay(id: string, entries: string[], { signal }: Signal = {}): Promise<PackageBody> {
    const json = { entries };
    return this.transport.json('PUT', `${pathOf('packages', id)}/overlay`, { json, signal });
  }

  /** @param packageIds the packages that are linked beside it */
  setDependencies(id: string, packageIds: string[], { signal }: Signal = {}): Promise<PackageBody> {
    const json = { package_ids: packageIds };
    return this.transport.json('PUT', `${pathOf('packages', id)}/dependencies`, { json, signal });
  }

  /** Takes it out of the registry; its files are removed where they are the server's. */
  delete(id: string, { signal }: Signal = {}): Promise<PackageDeletion> {
    return this.transport.json('DELETE', pathOf('packages', id), { signal });
  }
}
