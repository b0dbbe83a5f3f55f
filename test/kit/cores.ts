// Both builds of the core, each with its name: what one computes, the other must.
import { readFileSync } from 'node:fs'
import { type Core, loadCoreFrom } from '../../host/core/index.ts'
import type { Build } from '../../host/core/module.ts'

export const CORE_WASM: Record<Build, string> = {
  plain: 'host/core/core.wasm',
  relaxed: 'host/core/core-relaxed.wasm',
}
export const BUILDS = Object.keys(CORE_WASM) as Build[]

export const coreBytes = (build: Build): Uint8Array => readFileSync(CORE_WASM[build])

export const cores: { build: Build; core: Core }[] = BUILDS.map((build) => ({
  build,
  core: loadCoreFrom(coreBytes(build)),
}))
