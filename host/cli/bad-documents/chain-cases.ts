/** The certificates: attacks A01, A11, A12 and A13. */
import { generateKeyPairSync } from 'node:crypto'
import { basicConstraints, keyUsage } from '../../nitro/pki/certificate.ts'
import {
  CA_USAGE,
  type Change,
  compressedPoint,
  explicitKey,
  INSTANCE_USAGE,
  LEAF_USAGE,
  type Level,
  newKey,
  offCurve,
  unknownExtension,
} from './chain.ts'
import { concat, type DocumentChange, flipped, makeDocument } from './document.ts'
import { type Case, GOOD, type Maker } from './maker.ts'

const CHAIN = 'ERR_EVIDENCE_CHAIN'
const DATES = 'ERR_EVIDENCE_DATES'
const SECOND = 1000
const DIGITAL_SIGNATURE = 0x80
const KEY_AGREEMENT = 0x08

const chain =
  (changes: Partial<Record<Level, Change>>, change: DocumentChange = {}) =>
  (maker: Maker) =>
    maker.withChain(changes, change)
const timed = (level: Level, limit: 'notBeforeMs' | 'notAfterMs', offsetMs: number) => (maker: Maker) =>
  maker.withChain({ [level]: { [limit]: maker.atMs + offsetMs } })
const bundle = (change: (certificates: Uint8Array[]) => Uint8Array[]) => (maker: Maker) => maker.withBundle(change)
const authority = (pathLength: number | null) => ({
  extensions: [basicConstraints(true, pathLength), keyUsage(CA_USAGE, true)],
})

type Row = [name: string, fault: string, verdict: Case['verdict'], make: Case['make'], twin?: string]

const DATE_ROWS: Row[] = (['regional', 'zonal', 'instance', 'leaf'] as const).flatMap((level): Row[] => [
  [
    `${level}-last-second`,
    `the ${level} certificate ends at the time of judgement`,
    'accepted',
    timed(level, 'notAfterMs', 0),
  ],
  [
    `${level}-expired`,
    `the ${level} certificate ended a second ago`,
    DATES,
    timed(level, 'notAfterMs', -SECOND),
    `${level}-last-second`,
  ],
  [
    `${level}-first-second`,
    `the ${level} certificate begins at the time of judgement`,
    'accepted',
    timed(level, 'notBeforeMs', 0),
  ],
  [
    `${level}-not-yet-valid`,
    `the ${level} certificate begins a second from now`,
    DATES,
    timed(level, 'notBeforeMs', SECOND),
    `${level}-first-second`,
  ],
])

const ROWS: Row[] = [
  [
    'other-root',
    'a whole chain under another root, which is cabundle[0]',
    CHAIN,
    (maker) => {
      const [root, keys] = [newKey(), maker.chains]
      const own = { key: root, signer: root }
      return makeDocument(keys.make({ root: own, regional: { signer: root } }), maker.facts)
    },
  ],
  [
    'root-altered',
    'a bit of cabundle[0] changed',
    CHAIN,
    bundle(([root, ...rest]) => [flipped(root as Uint8Array, -1), ...rest]),
  ],
  ['root-missing', 'cabundle without the root', CHAIN, bundle((certificates) => certificates.slice(1))],
  ['root-alone', 'cabundle of the root alone', CHAIN, bundle((certificates) => certificates.slice(0, 1))],
  [
    'zonal-missing',
    'cabundle without the zonal certificate',
    CHAIN,
    bundle(([a, b, , d]) => [a, b, d] as Uint8Array[]),
  ],
  ['zonal-twice', 'the zonal certificate twice', CHAIN, bundle(([a, b, c, d]) => [a, b, c, c, d] as Uint8Array[])],
  [
    'chain-swapped',
    'regional and zonal certificate swapped',
    CHAIN,
    bundle(([a, b, c, d]) => [a, c, b, d] as Uint8Array[]),
  ],
  ['chain-reversed', 'cabundle in reverse order', CHAIN, bundle((certificates) => [...certificates].reverse())],
  [
    'chain-extra',
    'the leaf in cabundle too',
    CHAIN,
    (maker) => maker.withBundle((certificates) => [...certificates, maker.chains.certificate('leaf', {})]),
  ],
  [
    'cabundle-16',
    '16 certificates, which parse and are no chain',
    CHAIN,
    bundle((c) => [...c, ...Array.from({ length: 12 }, () => c[3] as Uint8Array)]),
  ],
  [
    'cabundle-17',
    '17 certificates',
    'ERR_EVIDENCE_SYNTAX',
    bundle((c) => [...c, ...Array.from({ length: 13 }, () => c[3] as Uint8Array)]),
  ],
  [
    'regional-path-1',
    'path length 1 at the regional certificate, two authorities below',
    CHAIN,
    chain({ regional: authority(1) }),
    'regional-path-3',
  ],
  ['regional-path-3', 'path length 3 at the regional certificate', 'accepted', chain({ regional: authority(3) })],
  [
    'regional-path-none',
    'no path length at the regional certificate',
    'accepted',
    chain({ regional: authority(null) }),
  ],
  [
    'zonal-path-0',
    'path length 0 at the zonal certificate, one authority below',
    CHAIN,
    chain({ zonal: authority(0) }),
    'zonal-path-1',
  ],
  ['zonal-path-1', 'path length 1 at the zonal certificate', 'accepted', chain({ zonal: authority(1) })],
  [
    'zonal-no-authority',
    'cA is false at the zonal certificate',
    CHAIN,
    chain({ zonal: { extensions: [basicConstraints(false, null), keyUsage(CA_USAGE, true)] } }),
  ],
  [
    'instance-no-constraints',
    'no basic constraints at the instance certificate',
    CHAIN,
    chain({ instance: { extensions: [keyUsage(INSTANCE_USAGE, true)] } }),
  ],
  [
    'instance-no-usage',
    'no key usage at the instance certificate',
    CHAIN,
    chain({ instance: { extensions: [basicConstraints(true, 0)] } }),
  ],
  [
    'instance-may-not-sign',
    'the instance certificate may sign data, no certificates',
    CHAIN,
    chain({ instance: { extensions: [basicConstraints(true, 0), keyUsage(DIGITAL_SIGNATURE, true)] } }),
  ],
  [
    'leaf-authority',
    'the leaf says it is an authority',
    CHAIN,
    chain({ leaf: { extensions: [basicConstraints(true, null), keyUsage(LEAF_USAGE, false)] } }),
  ],
  [
    'leaf-path-length',
    'a path length at the leaf',
    CHAIN,
    chain({ leaf: { extensions: [basicConstraints(false, 0), keyUsage(LEAF_USAGE, false)] } }),
  ],
  [
    'leaf-no-usage',
    'no key usage at the leaf',
    CHAIN,
    chain({ leaf: { extensions: [basicConstraints(false, null)] } }),
  ],
  [
    'leaf-key-agreement',
    'the leaf is for key agreement',
    CHAIN,
    chain({ leaf: { extensions: [basicConstraints(false, null), keyUsage(KEY_AGREEMENT, false)] } }),
  ],
  [
    'leaf-unknown-extension',
    'an unknown extension at the leaf, not critical',
    'accepted',
    chain({ leaf: { more: [unknownExtension(false)] } }),
  ],
  [
    'leaf-unknown-critical',
    'an unknown critical extension at the leaf',
    CHAIN,
    chain({ leaf: { more: [unknownExtension(true)] } }),
    'leaf-unknown-extension',
  ],
  [
    'zonal-unknown-critical',
    'an unknown critical extension at the zonal certificate',
    CHAIN,
    chain({ zonal: { more: [unknownExtension(true)] } }),
  ],
  [
    'zonal-constraints-twice',
    'basic constraints twice at the zonal certificate',
    CHAIN,
    chain({ zonal: { more: [basicConstraints(true, 1)] } }),
  ],
  [
    'leaf-other-issuer',
    'the leaf names the zonal authority as its issuer',
    CHAIN,
    (maker) => maker.withChain({ leaf: { issuer: maker.chains.name('zonal') } }),
  ],
  [
    'leaf-other-signer',
    'the leaf is signed by another key than its issuer’s',
    CHAIN,
    chain({ leaf: { signer: newKey() } }),
  ],
  [
    'leaf-self-signed',
    'the leaf is signed by itself',
    CHAIN,
    (maker) => maker.withChain({ leaf: { signer: maker.chains.keys.leaf } }),
  ],
  [
    'zonal-other-signer',
    'the zonal certificate is signed by another key than its issuer’s',
    CHAIN,
    chain({ zonal: { signer: newKey() } }),
  ],
  ['leaf-sha256', 'the leaf is signed with SHA-256', CHAIN, chain({ leaf: { sha256: true } })],
  ['instance-sha256', 'the instance certificate is signed with SHA-256', CHAIN, chain({ instance: { sha256: true } })],
  [
    'leaf-p256',
    'the leaf has a key on P-256',
    CHAIN,
    (maker) => {
      const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
      return maker.withChain({ leaf: { key } }, { key: maker.chains.keys.leaf })
    },
  ],
  [
    'leaf-rsa',
    'the leaf has an RSA key',
    CHAIN,
    (maker) => {
      const key = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
      return maker.withChain({ leaf: { key } }, { key: maker.chains.keys.leaf })
    },
  ],
  ['leaf-compressed', 'the leaf’s point is compressed', CHAIN, chain({ leaf: { publicKey: compressedPoint } })],
  ['leaf-off-curve', 'the leaf’s point is not on the curve', CHAIN, chain({ leaf: { publicKey: offCurve } })],
  [
    'leaf-explicit',
    'the leaf spells the curve’s parameters out',
    CHAIN,
    (maker) => maker.withChain({ leaf: { key: explicitKey() } }),
  ],
  ['leaf-trailing', 'a byte behind the leaf', CHAIN, chain({ leaf: { der: (der) => concat(der, Uint8Array.of(0)) } })],
  ['leaf-truncated', 'the leaf without its last byte', CHAIN, chain({ leaf: { der: (der) => der.subarray(0, -1) } })],
  [
    'leaf-no-certificate',
    'the leaf is four bytes of something',
    CHAIN,
    (maker) => maker.document({ fields: { certificate: Uint8Array.of(1, 2, 3, 4) } }),
  ],
]

export const CHAIN_CASES: Case[] = [...DATE_ROWS, ...ROWS].map(([name, fault, verdict, make, twin]) => ({
  name,
  fault,
  verdict,
  make,
  twin: twin ?? GOOD,
}))
