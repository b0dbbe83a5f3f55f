/** Files that commands read and write, with errors that name the file and say what to do. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { UsageError } from '../errors.ts'

const HERE = fileURLToPath(new URL('.', import.meta.url))

/** @throws UsageError ERR_FILE_READ */
export function readFile(path: string): Uint8Array {
  try {
    return new Uint8Array(readFileSync(path))
  } catch (error) {
    throw new UsageError('ERR_FILE_READ', `cannot read ${path}: ${(error as Error).message}`)
  }
}

export function readText(path: string): string {
  return Buffer.from(readFile(path)).toString('utf8')
}

/** @throws UsageError ERR_FILE_WRITE */
export function writeFile(path: string, content: Uint8Array | string, mode = 0o644): void {
  try {
    writeFileSync(path, content, { mode })
  } catch (error) {
    throw new UsageError('ERR_FILE_WRITE', `cannot write ${path}: ${(error as Error).message}`)
  }
}

/** Something that is built: beside the sources in a checkout, in dist/ of a package. @throws UsageError ERR_FILE_BUILD */
export function built(name: string): string {
  const found = [join(HERE, '../..', name), join(HERE, '../../dist', name)].find((path) => existsSync(path))
  if (found === undefined) throw new UsageError('ERR_FILE_BUILD', `${name} is not built: run "npm run prepare"`)
  return found
}

export function packageVersion(): string {
  const path = [join(HERE, '../../package.json'), join(HERE, '../../../package.json')].find((each) =>
    existsSync(each),
  ) as string
  return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version
}
