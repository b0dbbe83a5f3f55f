/** Fresh key material, with a bound on how much of it is in the making: RSA keys take seconds of a core. */
import { createHash } from 'node:crypto'
import { Fault } from '../fault.ts'
import { MAX_KEY_GENERATIONS } from '../limits.ts'
import type { Material } from './record.ts'
import { type KeySpec, makeMaterial, SPECS } from './spec.ts'

export class KeyMaker {
  #atWork = 0

  /** @throws Fault ThrottlingException */
  async secret(spec: KeySpec): Promise<Buffer> {
    if (SPECS[spec].kind !== 'rsa') return makeMaterial(spec)
    if (this.#atWork >= MAX_KEY_GENERATIONS)
      throw new Fault('ThrottlingException', `Rate exceeded: ${MAX_KEY_GENERATIONS} RSA keys are in the making`)
    this.#atWork++
    try {
      return await makeMaterial(spec)
    } finally {
      this.#atWork--
    }
  }

  async material(spec: KeySpec, nowMs: number, origin: Material['origin']): Promise<Material> {
    return materialOf(await this.secret(spec), nowMs, origin)
  }
}

export function materialOf(secret: Buffer, createdMs: number, origin: Material['origin']): Material {
  // An id that anybody may know, and that tells nothing of the secret: it is full-entropy, and the label sets it apart.
  const id = createHash('sha256').update('wasmclave/kms material\0').update(secret).digest('hex')
  return { id, secret, createdMs, origin }
}
