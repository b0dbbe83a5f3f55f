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

/** @throws UsageError ERR_FILE_READ, ERR_USAGE_JSON */
export function readJsonObject(path: string): Record<string, unknown> {
  const text = readText(path)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new UsageError('ERR_USAGE_JSON', `${path} is no JSON: ${(error as Error).message}`)
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    throw new UsageError('ERR_USAGE_JSON', `${path} holds no JSON object`)
  return value as Record<string, unknown>
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
