/**
 * Kills the KMS process at random instants while callers change keys, starts it again on the same folder, and looks whether everything that was
 * acknowledged is there, and nothing half. What the system had taken over survives a process's death: loss of power is faults.test.ts's matter.
 * `node host/cli/bootstrap.cjs --run test/kms/kill.ts --rounds 100 --seed 1`
 */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import {
  CreateAliasCommand,
  CreateKeyCommand,
  DecryptCommand,
  DescribeKeyCommand,
  EncryptCommand,
  paginateListAliases,
  paginateListKeys,
  RotateKeyOnDemandCommand,
  UpdateKeyDescriptionCommand,
} from '@aws-sdk/client-kms'
import { Seeded } from '../kit/seeded.ts'
import { KmsProcess } from './process.ts'

const CALLERS = 4
/** From a round's first change to the kill. */
const MAX_LIFE_MS = 200
/** For the first change, on a machine that is busy. */
const FIRST_MS = 20_000

/** A key as its caller knows it: what was acknowledged, and what was asked for and never answered. */
type Known = {
  keyId: string
  description: string
  asked: string | undefined
  aliases: string[]
  ciphertexts: Uint8Array[]
}

export type KillResult = { rounds: number; acknowledged: number; keys: number; faults: string[] }

export async function killRounds(rounds: number, seed: number, onRound?: (round: number) => void): Promise<KillResult> {
  const kms = new KmsProcess()
  const random = new Seeded(seed)
  const known: Known[] = []
  const faults: string[] = []
  let acknowledged = 0
  try {
    for (let round = 0; round < rounds; round++) {
      await kms.start()
      await check(kms, known, faults)
      let dead = false
      const start = acknowledged
      const callers = Array.from({ length: CALLERS }, async (_, index) => {
        const mine = new Seeded(seed * 1000 + round * CALLERS + index)
        while (!dead) {
          try {
            await change(kms, known, mine, `${round}-${index}-${acknowledged}`)
            acknowledged++
          } catch (error) {
            if (!dead) faults.push(`round ${round}: ${error}`)
            return
          }
        }
      })
      for (let waited = 0; acknowledged === start && waited < FIRST_MS; waited += 5) await sleep(5)
      await sleep(random.below(MAX_LIFE_MS))
      dead = true
      await kms.kill()
      await Promise.all(callers)
      onRound?.(round)
    }
    await kms.start()
    await check(kms, known, faults)
    faults.push(...kms.errors)
    return { rounds, acknowledged, keys: known.length, faults }
  } finally {
    await kms.stop()
  }
}

async function change(kms: KmsProcess, known: Known[], random: Seeded, name: string): Promise<void> {
  const client = kms.client()
  const key = known.length === 0 ? undefined : random.pick(known)
  const KeyId = key?.keyId
  const percent = random.below(100)
  if (key === undefined || percent < 30) {
    const { KeyMetadata } = await client.send(new CreateKeyCommand({ Description: name }))
    const keyId = KeyMetadata?.KeyId as string
    known.push({ keyId, description: name, asked: undefined, aliases: [], ciphertexts: [] })
  } else if (percent < 50) {
    // Of one that nobody else is changing: what it is then is known.
    if (key.asked !== undefined) return
    key.asked = name
    await client.send(new UpdateKeyDescriptionCommand({ KeyId, Description: name }))
    key.description = name
    key.asked = undefined
  } else if (percent < 70) {
    const AliasName = `alias/${name}`
    await client.send(new CreateAliasCommand({ AliasName, TargetKeyId: KeyId }))
    key.aliases.push(AliasName)
  } else {
    // Under the newest material, which must outlive the kill with what it sealed.
    if (key.ciphertexts.length < 10) await client.send(new RotateKeyOnDemandCommand({ KeyId }))
    const { CiphertextBlob } = await client.send(new EncryptCommand({ KeyId, Plaintext: Buffer.from(key.keyId) }))
    key.ciphertexts.push(CiphertextBlob as Uint8Array)
  }
}

async function check(kms: KmsProcess, known: Known[], faults: string[]): Promise<void> {
  const client = kms.client()
  const aliases = new Map<string, string | undefined>()
  for await (const { Aliases } of paginateListAliases({ client }, {}))
    for (const each of Aliases ?? []) aliases.set(each.AliasName as string, each.TargetKeyId)
  const listed = new Set<string>()
  for await (const { Keys } of paginateListKeys({ client, pageSize: 1000 }, {}))
    for (const { KeyId } of Keys ?? []) listed.add(KeyId as string)
  for (const key of known) {
    if (!listed.has(key.keyId)) {
      faults.push(`key ${key.keyId} was acknowledged and is gone`)
      continue
    }
    const { KeyMetadata } = await client.send(new DescribeKeyCommand({ KeyId: key.keyId }))
    const found = KeyMetadata?.Description as string
    if (found !== key.description && found !== key.asked)
      faults.push(`key ${key.keyId} is ${found}, acknowledged was ${key.description}, asked for ${key.asked}`)
    key.description = found
    key.asked = undefined
    for (const name of key.aliases)
      if (aliases.get(name) !== key.keyId) faults.push(`${name} was acknowledged and leads to ${aliases.get(name)}`)
    for (const CiphertextBlob of key.ciphertexts) {
      const { Plaintext } = await client.send(new DecryptCommand({ CiphertextBlob }))
      if (Buffer.from(Plaintext as Uint8Array).toString() !== key.keyId) faults.push(`a ciphertext of ${key.keyId}`)
    }
    // Opened once after the kill is enough; the oldest stays for the rounds to come.
    key.ciphertexts.splice(1)
  }
  const unfinished = readdirSync(join(kms.folder, 'keys')).filter((name) => name.endsWith('.new'))
  if (unfinished.length > 0) faults.push(`unfinished files are left: ${unfinished.join(', ')}`)
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: { rounds: { type: 'string', default: '100' }, seed: { type: 'string', default: '1' } },
  })
  const result = await killRounds(Number(values.rounds), Number(values.seed))
  process.stdout.write(`${JSON.stringify(result)}\n`)
  process.exitCode = result.faults.length === 0 ? 0 : 1
}
