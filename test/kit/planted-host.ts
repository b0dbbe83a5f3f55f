// A copy of this project with one change of its source, built: a host with a planted fault.
import { spawnSync } from 'node:child_process'
import { chmodSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { runIn } from './run-in.ts'

const PLANTED = '.planted-'
const COPIED = ['assembly', 'host', 'dist', 'package.json', 'package-lock.json', 'tsconfig.json', 'asconfig.json']

export type Change = { file: string; find: string; replace: string }

/** @returns the folder; `remove` takes it away */
export async function plantedHost(change: Change): Promise<{ folder: string; remove(): void }> {
  // In this checkout, so that packages can be linked instead of copied: symbolic links would lead out of what the processes may read
  const folder = mkdtempSync(join(resolve('dist'), PLANTED))
  const remove = () => rmSync(folder, { recursive: true, force: true })
  try {
    // Enclaves of a host that root starts have users of their own, who must be able to open their program
    chmodSync(folder, 0o755)
    for (const name of COPIED)
      cpSync(name, join(folder, name), { recursive: true, filter: (path) => !path.includes(PLANTED) })
    const linked = spawnSync('cp', ['-al', 'node_modules', join(folder, 'node_modules')], { stdio: 'ignore' })
    if (linked.status !== 0) throw new Error('node_modules could not be linked')
    const path = join(folder, change.file)
    const source = readFileSync(path, 'utf8')
    const places = source.split(change.find).length - 1
    if (places !== 1) throw new Error(`${change.file} has ${places} places to change where one is due: ${change.find}`)
    writeFileSync(
      path,
      source.replace(change.find, () => change.replace),
    )
    const { code, stderr } = await runIn(folder, ['--run', 'host/build.ts', '--quick'])
    if (code !== 0) throw new Error(`the changed source does not build: ${stderr.slice(-2000)}`)
    return { folder, remove }
  } catch (error) {
    remove()
    throw error
  }
}
