/**
 * A folder of releases for others to read, plain files that any server serves: WORKLOAD/VERSION/ holds the three files, _digests/ says where
 * the release of a digest is (as PCR17 commits it). No reader needs to trust it: the pipeline's signature is on all that counts, and its
 * certificate is not here. Does not protect from whoever can write here: they can take releases away.
 */
import { createHash, randomBytes } from 'node:crypto'
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import type { Release } from '../control/releases/release.ts'
import { RefusedError, UsageError } from '../errors.ts'
import { encodeCanonicalJson } from '../wire/canonical-json.ts'

/** What lies in the folder of a version. */
export const PUBLISHED = {
  eif: 'image.eif',
  envelope: 'release.json',
  referenceValues: 'reference-values.json',
} as const
/** No workload's name starts like this. */
const DIGESTS = '_digests'

export type PublishedFiles = Record<keyof typeof PUBLISHED, Uint8Array>
type Name = Pick<Release, 'digest' | 'workload' | 'version' | 'securityVersion' | 'image'>

/**
 * @returns the version's folder, and whether it is new; the same files again change nothing
 * @throws RefusedError ERR_RELEASE_VERSION, ERR_RELEASE_PUBLISHED, UsageError ERR_FILE_WRITE
 */
export function publish(root: string, release: Name, files: PublishedFiles): { path: string; fresh: boolean } {
  const { digest, workload, version, securityVersion, image } = release
  if (/^\.+$/.test(version))
    throw new RefusedError('ERR_RELEASE_VERSION', `version ${version} of ${workload} names no folder of its own`)
  const place = join(root, workload, version)
  const path = `${workload}/${version}`
  try {
    mkdirSync(join(root, DIGESTS), { recursive: true })
    mkdirSync(dirname(place), { recursive: true })
    const fresh = putFolder(root, place, files)
    // CRASH: the version is there whole and not in the index yet: publishing it again completes that.
    const entry = encodeCanonicalJson({ format: 1, release: digest, workload, version, securityVersion, image, path })
    putFile(root, join(root, DIGESTS, `${digest}.json`), entry)
    return { path: place, fresh }
  } catch (error) {
    if (error instanceof RefusedError) throw error
    throw new UsageError('ERR_FILE_WRITE', `cannot publish to ${root}: ${(error as Error).message}`)
  }
}

function putFolder(root: string, place: string, files: PublishedFiles): boolean {
  if (existsSync(place)) return checkSame(place, files)
  const draft = draftPath(root)
  try {
    mkdirSync(draft)
    for (const [what, name] of entries()) writeFileSync(join(draft, name), files[what], { flag: 'wx', flush: true })
    syncFolder(draft)
    renameSync(draft, place)
    // CRASH: the version is there whole, and may be gone again with a loss of power.
    syncFolder(dirname(place))
    syncFolder(root)
    return true
  } catch (error) {
    // Another process published it meanwhile: a folder that holds something is never replaced.
    if (['ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) return checkSame(place, files)
    throw error
  } finally {
    rmSync(draft, { recursive: true, force: true })
  }
}

function putFile(root: string, place: string, bytes: Uint8Array): void {
  const draft = draftPath(root)
  try {
    writeFileSync(draft, bytes, { flag: 'wx', flush: true })
    renameSync(draft, place)
    syncFolder(dirname(place))
  } finally {
    rmSync(draft, { force: true })
  }
}

function checkSame(place: string, files: PublishedFiles): false {
  for (const [what, name] of entries()) {
    const path = join(place, name)
    const found = existsSync(path) ? sha384(readFileSync(path)) : 'gone'
    if (found !== sha384(files[what]))
      throw new RefusedError(
        'ERR_RELEASE_PUBLISHED',
        `${path} is ${found}, this one ${sha384(files[what])}: what is published stays, a change is a new version`,
      )
  }
  return false
}

/** Beside what it becomes part of, in no reader's way: no workload's name starts with a dot. */
function draftPath(root: string): string {
  return join(root, `.publish-${process.pid}-${randomBytes(4).toString('hex')}`)
}

function entries(): [keyof typeof PUBLISHED, string][] {
  return Object.entries(PUBLISHED) as [keyof typeof PUBLISHED, string][]
}

function syncFolder(path: string): void {
  const folder = openSync(path, 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}

function sha384(bytes: Uint8Array): string {
  return createHash('sha384').update(bytes).digest('hex')
}
