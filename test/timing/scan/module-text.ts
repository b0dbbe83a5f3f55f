// A module in WebAssembly's flat text, as a tree of instructions. It reads what our compilers emit and throws at all else: a scan that
// skips what it does not know would find nothing in it.
import { createHash } from 'node:crypto'
import wabt from 'wabt'

export type Instruction = {
  op: string
  /** Immediates as they are written. */
  immediates: string[]
  /** Its number within the function, from 0. */
  site: number
  /** Of block, loop and if. */
  body: Instruction[]
  otherwise: Instruction[]
  results: number
}

export type ModuleFunction = {
  index: number
  parameters: number
  results: number
  locals: number
  body: Instruction[]
  /** Names this very code: SHA-256 of the instructions, without static addresses and numbers of functions, which move from build to build. */
  fingerprint: string
}

export type ModuleText = {
  functions: ModuleFunction[]
  exports: Map<string, number>
  /** Constant value of those that cannot change. */
  globals: (number | null)[]
  segments: { from: number; to: number }[]
}

/** Static data begins here: AssemblyScript keeps the first bytes free. */
const STATIC_FROM = 1024
const FEATURES = { simd: true, relaxed_simd: true, bulk_memory: true }

export async function readModule(bytes: Uint8Array): Promise<ModuleText> {
  // A copy: wabt reads the whole buffer below a view.
  const module = (await wabt()).readWasm(new Uint8Array(bytes), { ...FEATURES, readDebugNames: false })
  try {
    return parseModule(module.toText({ foldExprs: false, inlineExport: false }))
  } finally {
    module.destroy()
  }
}

export function parseModule(text: string): ModuleText {
  const types: { parameters: number; results: number }[] = []
  const module: ModuleText = { functions: [], exports: new Map(), globals: [], segments: [] }
  const lines = text.split('\n').map((line) => line.replace(/\(;.*?;\)/g, '').replace(/;;.*$/, ''))
  for (let at = 1; at < lines.length; at++) {
    const line = lines[at] as string
    if (line.startsWith('  (type ')) types.push(signature(line))
    else if (line.startsWith('  (import ')) throw new Error(`an import: ${line.trim()}`)
    else if (line.startsWith('  (export ')) {
      const [, name, index] = /"(.+)" \(func (\d+)\)/.exec(line) ?? []
      if (name !== undefined) module.exports.set(name, Number(index))
    } else if (line.startsWith('  (global ')) {
      const value = /\(i32\.const (-?\d+)\)/.exec(line)
      module.globals.push(line.includes('(mut ') || value === null ? null : Number(value[1]))
    } else if (line.startsWith('  (data ')) module.segments.push(segment(line))
    else if (line.startsWith('  (func ')) {
      let depth = parentheses(line)
      const body: string[] = []
      const type = types[Number(/\(type (\d+)\)/.exec(line)?.[1])] as (typeof types)[number]
      while (depth > 0) {
        const next = lines[++at] as string
        depth += parentheses(next)
        body.push(depth === 0 ? next.replace(/\)\s*$/, '') : next)
      }
      module.functions.push(parseFunction(module.functions.length, type, body))
    }
  }
  return module
}

function signature(line: string): { parameters: number; results: number } {
  const count = (word: string) =>
    /\((?:param|result) ([^)]*)\)/.exec(line.slice(line.indexOf(`(${word} `)))?.[1]?.split(' ').length ?? 0
  return {
    parameters: line.includes('(param ') ? count('param') : 0,
    results: line.includes('(result ') ? count('result') : 0,
  }
}

function segment(line: string): { from: number; to: number } {
  const [, address, content] = /\(i32\.const (\d+)\) "(.*)"\)+\s*$/.exec(line) ?? []
  if (address === undefined || content === undefined)
    throw new Error(`a data segment that is not active: ${line.slice(0, 80)}`)
  const length = content.replace(/\\([0-9a-f]{2}|.)/g, '.').length
  return { from: Number(address), to: Number(address) + length }
}

function parentheses(line: string): number {
  let depth = 0
  for (const character of line) depth += character === '(' ? 1 : character === ')' ? -1 : 0
  return depth
}

function parseFunction(index: number, type: { parameters: number; results: number }, lines: string[]): ModuleFunction {
  const code = lines.map((line) => line.trim()).filter((line) => line !== '')
  let locals = 0
  while (code[0]?.startsWith('(local '))
    locals += (code.shift() as string).slice('(local '.length, -1).split(' ').length
  let at = 0
  let site = 0
  const parse = (): Instruction[] => {
    const body: Instruction[] = []
    while (at < code.length && code[at] !== 'end' && code[at] !== 'else') {
      const line = code[at++] as string
      const [op = '', ...immediates] = line.split(/\s+/)
      const instruction: Instruction = { op, immediates, site: site++, body: [], otherwise: [], results: 0 }
      if (op === 'block' || op === 'loop' || op === 'if') {
        if (/\((param|type)/.test(line)) throw new Error(`a block with parameters: ${line}`)
        instruction.results = /\(result ([^)]*)\)/.exec(line)?.[1]?.split(' ').length ?? 0
        instruction.body = parse()
        if (code[at] === 'else') {
          at++
          instruction.otherwise = parse()
        }
        at++ // end
      }
      body.push(instruction)
    }
    return body
  }
  return { index, ...type, locals, body: parse(), fingerprint: fingerprint(code) }
}

function fingerprint(code: string[]): string {
  const steady = code.map((line) =>
    line
      .replace(/^call \d+/, 'call')
      .replace(/^(i32\.const) (\d+)$/, (all, op, value) => (Number(value) >= STATIC_FROM ? op : all))
      .replace(/offset=(\d+)/, (all, value) => (Number(value) >= STATIC_FROM ? 'offset' : all)),
  )
  return createHash('sha256').update(steady.join('\n')).digest('hex').slice(0, 12)
}
