/** Counts and times of the plugin for Prometheus. Labels are closed lists, but for the key_id in use, which is public and one at a time. */
import { status } from '@grpc/grpc-js'
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { KeyHealth } from './health.ts'
import type { AttestedLink } from './link.ts'

/** Seconds: a call takes about one millisecond, and is given up after three thousand. */
const BUCKETS = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 3]
const PREFIX = 'wasmclave_kms_plugin'

export class Meter {
  readonly registry = new Registry()
  readonly #operations = new Counter({
    name: `${PREFIX}_operations_total`,
    help: 'Calls of the KMS v2 API, by gRPC code.',
    labelNames: ['method', 'code'],
    registers: [this.registry],
  })
  readonly #seconds = new Histogram({
    name: `${PREFIX}_operation_duration_seconds`,
    help: 'How long they took.',
    labelNames: ['method'],
    buckets: BUCKETS,
    registers: [this.registry],
  })
  readonly #appraisals = new Counter({
    name: `${PREFIX}_appraisals_total`,
    help: 'Sessions whose enclave was appraised.',
    registers: [this.registry],
  })
  readonly #changes = new Counter({
    name: `${PREFIX}_key_id_changes_total`,
    help: 'Times that another key_id became the current one.',
    registers: [this.registry],
  })

  constructor(health: KeyHealth, link: AttestedLink) {
    this.#gauge('healthy', 'Whether Status answers "ok" now.', () => (health.good === undefined ? 0 : 1))
    this.#gauge('self_test_age_seconds', 'Age of the newest good self-test.', () => health.ageMs / 1000)
    this.#gauge('appraisal_age_seconds', 'Age of the appraisal in use.', () => link.appraisalAgeMs / 1000)
    new Gauge({
      name: `${PREFIX}_key_info`,
      help: 'The key_id that Status tells.',
      labelNames: ['key_id'],
      registers: [this.registry],
      collect() {
        this.reset()
        const { good } = health
        if (good !== undefined) this.set({ key_id: good.keyId }, good.version)
      },
    })
  }

  count(method: string, code: number, ms: number): void {
    this.#operations.inc({ method, code: status[code] ?? 'UNKNOWN' })
    this.#seconds.observe({ method }, ms / 1000)
  }

  appraised(): void {
    this.#appraisals.inc()
  }

  keyChanged(): void {
    this.#changes.inc()
  }

  #gauge(name: string, help: string, value: () => number): void {
    new Gauge({
      name: `${PREFIX}_${name}`,
      help,
      registers: [this.registry],
      collect() {
        this.set(value())
      },
    })
  }
}
