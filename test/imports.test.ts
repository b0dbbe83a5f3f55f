// The architecture as a program: who may import whom (DESIGN, section 2). That the parent never sees plaintext is a property of this graph.
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import t from 'tap'

/** From a folder to the folders it may import. Everything may import itself, host/errors.ts and assembly/abi. */
const ARROWS: Record<string, string[]> = {
  'assembly/abi': [],
  'assembly/mem': [],
  'assembly/crypto': ['assembly/mem'],
  'assembly/codec': ['assembly/mem'],
  'assembly/kernel': ['assembly/crypto', 'assembly/codec', 'assembly/mem'],
  'assembly/sdk': ['assembly/mem'],
  /** Keys of others are its business: it encrypts by itself. Before the row of all workloads, which it is one of. */
  'assembly/workloads/kms-provider': ['assembly/sdk', 'assembly/codec', 'assembly/crypto', 'assembly/mem'],
  'assembly/workloads': ['assembly/sdk', 'assembly/codec'],
  'host/errors.ts': [],
  /** Files that are there whole or not at all. */
  'host/disk': ['host/confine'],
  /** System calls by node:ffi, for every process of the host. */
  'host/confine': [],
  'host/core': [],
  'host/bench': ['host/core'],
  'host/wire': [],
  'host/verifier': ['host/wire'],
  'host/log/proofs': ['host/wire'],
  'host/log': ['host/log/proofs', 'host/wire', 'host/disk'],
  'host/control': ['host/wire', 'host/log', 'host/log/proofs'],
  'host/nitro': [
    'host/wire',
    'host/control',
    'host/log',
    'host/log/proofs',
    'host/verifier',
    'host/confine',
    'host/disk',
  ],
  'host/kms': ['host/wire', 'host/verifier', 'host/disk', 'host/confine'],
  'host/parent': ['host/wire', 'host/confine', 'host/disk'],
  'host/enclave': ['host/wire', 'host/confine'],
  'host/client': ['host/core', 'host/verifier', 'host/log/proofs', 'host/wire'],
  /** A relying party that speaks gRPC to a kube-apiserver. */
  'host/kms-plugin': ['host/client', 'host/wire'],
  /** Attacks from outside; keys, images and grants are made by the same code as the real ones. */
  'host/claims': [
    'host/client',
    'host/control',
    'host/nitro',
    'host/verifier',
    'host/confine',
    'host/wire',
    'host/kms',
    'host/log',
    'host/log/proofs',
  ],
  'host/cli': [
    'host/claims',
    'host/confine',
    'host/core',
    'host/bench',
    'host/verifier',
    'host/log',
    'host/log/proofs',
    'host/wire',
    'host/control',
    'host/nitro',
    'host/kms',
    'host/parent',
    'host/client',
    'host/kms-plugin',
  ],
  'host/build.ts': [],
}

/** Packages a folder may import; node: modules are a rule of their own. */
const PACKAGES: Record<string, string[]> = {
  'host/core': ['@assemblyscript/loader'],
  'host/wire': ['cborg', 'canonicalize'],
  'host/verifier': ['@peculiar/x509', 'reflect-metadata'],
  'host/control': ['jose'],
  'host/parent': ['ws', 'lmdb', '@grpc/grpc-js', '@grpc/proto-loader', 'prom-client'],
  'host/client': ['ws', '@peculiar/x509', 'reflect-metadata'],
  'host/kms-plugin': ['@grpc/grpc-js', '@grpc/proto-loader', 'prom-client'],
  'host/claims': ['ws'],
  'host/cli': ['commander', 'ws', '@grpc/grpc-js'],
  'host/build.ts': ['rolldown', 'wabt'],
}

/** Pure, and run in browsers: no module of Node's. `client` keeps what needs Node in *.node.ts and proxy/. */
const WITHOUT_NODE = ['host/wire', 'host/verifier', 'host/client', 'host/log/proofs']

type Source = { path: string; text: string }

function violations(sources: Source[]): string[] {
  const found: string[] = []
  for (const { path, text } of sources) {
    const from = area(path)
    if (from === undefined || ARROWS[from] === undefined) {
      found.push(`${path} is in no folder of the design`)
      continue
    }
    for (const target of importsOf(text)) {
      if (target.startsWith('.')) {
        const to = area(normalize(join(dirname(path), target)))
        const allowed =
          to === from ||
          to === 'host/errors.ts' ||
          to === 'assembly/abi' ||
          (to !== undefined && ARROWS[from]?.includes(to))
        if (!allowed) found.push(`${path} imports ${target}: no arrow from ${from} to ${to}`)
      } else if (target.startsWith('node:')) {
        const pure = WITHOUT_NODE.includes(from) && !path.endsWith('.node.ts') && !path.startsWith('host/client/proxy/')
        if (pure) found.push(`${path} imports ${target}: ${from} runs without Node`)
      } else if (!PACKAGES[from]?.includes(target)) found.push(`${path} imports ${target}: no package of ${from}`)
    }
  }
  return found
}

function area(path: string): string | undefined {
  return Object.keys(ARROWS).find(
    (folder) => path === folder || path === folder.replace(/\.ts$/, '') || path.startsWith(`${folder}/`),
  )
}

function importsOf(text: string): string[] {
  const static_ = [
    ...text.matchAll(/^(?:import|export)\s[^'"]*?from\s+['"]([^'"]+)['"]/gm),
    ...text.matchAll(/^import\s+['"]([^'"]+)['"]/gm),
  ]
  // host/core reads its module from a file on Node, by a dynamic import that browsers never reach
  const dynamic = [...text.matchAll(/\bimport\(\s*['"]([^'"]+)['"]\s*\)/g)].filter(
    (match) => match[1] !== 'node:fs/promises',
  )
  return [...static_, ...dynamic].map((match) => match[1] as string)
}

t.test('imports only along the arrows of the design', async (t) => {
  const paths = globSync(['host/**/*.ts', 'assembly/**/*.ts']).filter((path) => !path.endsWith('.d.ts'))
  t.ok(paths.length > 80, `${paths.length} files`)
  t.same(violations(paths.map((path) => ({ path, text: readFileSync(path, 'utf8') }))), [])
})

t.test('catches a wrong arrow, a wrong package and a wrong module of Node', async (t) => {
  const plant = (path: string, text: string) => violations([{ path, text }]).length
  t.equal(plant('host/parent/x.ts', "import { a } from '../wire/frame.ts'"), 0)
  t.equal(plant('host/parent/x.ts', "import { a } from '../core/index.ts'"), 1)
  t.equal(plant('host/parent/x.ts', "export type { a } from '../verifier/index.ts'"), 1)
  t.equal(plant('host/enclave/x.ts', "import { WebSocket } from 'ws'"), 1)
  t.equal(plant('host/verifier/x.ts', "import { createHash } from 'node:crypto'"), 1)
  t.equal(plant('host/client/transport.node.ts', "import { connect } from 'node:net'"), 0)
  t.equal(plant('assembly/crypto/x.ts', "import { a } from '../kernel/index'"), 1)
  t.equal(plant('host/secret/x.ts', ''), 1)
})
