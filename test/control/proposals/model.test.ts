// Random interleavings of everybody's entries against a model of a page: who approved what, under which policy, and what is spent.
import t from 'tap'
import type { Policy } from '../../../host/control/policy/document.ts'
import type { GuardEntry, ProposalEntry } from '../../../host/control/proposals/entry.ts'
import { keyHex, newKey } from '../../kit/genesis.ts'
import { GuardUnderTest, HOUR } from '../../kit/guard.ts'
import { firstSeed, Seeded } from '../../kit/seeded.ts'

type Modelled = { entry: ProposalEntry; approved: Set<string>; state: 'open' | 'ended' }

/** What the rules of PROTOCOLS.md 7 make of a log, said as directly as can be. */
class Model {
  policyDigest: string
  approvers: string[]
  threshold: number
  /** Of a change of the policy: the runs leave it alone. */
  readonly changeThreshold = 2
  readonly proposals = new Map<string, Modelled>()

  constructor(policy: Policy, digest: string) {
    this.policyDigest = digest
    this.approvers = policy.approvers
    this.threshold = policy.guards['rotate-store-keys']
  }

  #waits(id: string, now: number): Modelled | undefined {
    const found = this.proposals.get(id)
    return found?.state === 'open' && now < found.entry.expiresMs && found.entry.policy === this.policyDigest
      ? found
      : undefined
  }

  /** @returns whether the entry holds */
  take(entry: GuardEntry, now: number, genuine: boolean): boolean {
    if (entry.kind === 'proposal') {
      if (this.proposals.has(entry.id) || entry.policy !== this.policyDigest) return false
      this.proposals.set(entry.id, { entry, approved: new Set(), state: 'open' })
      return true
    }
    const waits = this.#waits(entry.proposal, now)
    if (waits === undefined) return false
    if (entry.kind === 'approval') {
      const counts =
        genuine &&
        entry.key !== waits.entry.proposer &&
        this.approvers.includes(entry.key) &&
        !waits.approved.has(entry.key)
      if (counts) waits.approved.add(entry.key)
      return counts
    }
    if (entry.kind === 'withdrawal') {
      if (entry.key !== waits.entry.proposer) return false
      waits.state = 'ended'
      return true
    }
    const needed = waits.entry.action === 'change-policy' ? this.changeThreshold : this.threshold
    if ([...waits.approved].filter((key) => this.approvers.includes(key)).length < needed) return false
    waits.state = 'ended'
    return true
  }
}

const ROUNDS = 24
const STEPS = 100

const FIRST = firstSeed(1)
let executed = 0
let voided = 0

for (let seed = FIRST; seed < FIRST + ROUNDS; seed++)
  t.test(`holds and voids what the model does, with seed ${seed}`, async (t) => {
    const random = new Seeded(seed)
    const world = new GuardUnderTest()
    const model = new Model(world.state.policy.policy, world.state.policy.digest)
    const people = [world.operator, ...world.approvers, world.auditor, newKey()]
    const made: ProposalEntry[] = []
    let effects = 0
    for (let step = 0; step < STEPS; step++) {
      world.nowMs += random.below(HOUR / 12)
      const choice = random.below(20)
      let entry: GuardEntry
      let genuine = true
      if (made.length === 0 || choice < 4) {
        const proposer = keyHex(random.pick([world.operator, ...world.approvers]))
        const proposal = random.chance(25)
          ? world.changePolicy({
              guards: { ...world.state.policy.policy.guards, 'rotate-store-keys': 2 + random.below(3) },
            })
          : world.proposal('rotate-store-keys', { enclave: `e${step}` })
        entry = { ...proposal, proposer, expiresMs: world.nowMs + HOUR }
        if (made.length > 0 && random.chance(10)) entry = { ...entry, id: random.pick(made).id }
        else made.push(entry)
      } else if (choice < 14) {
        const proposal = random.pick(made.slice(-2))
        const approval = world.approval(proposal, random.pick(people))
        entry = approval
        // A genuine signature, of another proposal or for another payload
        if (random.chance(17) && approval.kind === 'approval') {
          const other = { ...proposal, ...random.pick([{ payload: { enclave: 'other' } }, { id: '00'.repeat(32) }]) }
          const forged = world.approval(other, people.find((key) => keyHex(key) === approval.key) as never)
          if (forged.kind === 'approval') entry = { ...forged, proposal: proposal.id }
          genuine = false
        }
      } else if (choice < 19) entry = world.execution(random.pick(made.slice(-2)), random.pick(people))
      else entry = world.withdrawal(random.pick(made.slice(-2)), random.pick(people))

      const before = world.state.policy
      const verdict = world.log(entry)
      const held = model.take(entry, world.nowMs, genuine)
      if ((verdict === 'holds') !== held)
        return void t.fail(`step ${step}: ${entry.kind} ${verdict}, the model says ${held ? 'holds' : 'void'}`)
      if (held && entry.kind === 'execution') effects++
      if (!held) voided++
      if (world.state.policy.digest !== before.digest) {
        model.policyDigest = world.state.policy.digest
        model.threshold = world.state.policy.policy.guards['rotate-store-keys']
      }
    }
    executed += effects
    const again = world.restarted()
    t.same(again.policy, world.state.policy)
    t.same(again.open(world.nowMs), world.state.open(world.nowMs))
  })

t.test('comes to executions and to refusals in these runs', async (t) => {
  t.ok(executed >= ROUNDS, `${executed} executions`)
  t.ok(voided >= ROUNDS, `${voided} entries that did not hold`)
})
