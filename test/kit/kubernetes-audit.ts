// The audit of a Kubernetes workload in the shell, read and verified as an owner's client does.
import { type AuditBatch, type AuditQuestion, readKubernetesAudit } from '../../host/client/kubernetes-audit.ts'
import type { Answered, KubernetesShell } from './kubernetes.ts'

export const EVENTS = '/audit/events'

/** The shell as a client sees an enclave. */
export function enclaveOf(at: KubernetesShell): { fetch(path: string): Promise<Response> } {
  return {
    fetch: (path) => {
      const response = at.open('GET', path)
      return Promise.resolve(new Response(response.takeText(), { status: response.status }))
    },
  }
}

export async function readAudit(at: KubernetesShell, question: AuditQuestion = {}) {
  const batches: AuditBatch[] = []
  const read = await readKubernetesAudit(enclaveOf(at), question, (batch) => void batches.push(batch))
  const lines = batches.flatMap((batch) => batch.lines)
  return { ...read, batches, lines, events: lines.map((line) => JSON.parse(line) as Answered) }
}

/** What was audited since `events`, and how many there are by now. */
export async function auditedSince(at: KubernetesShell, events: number): Promise<Answered[]> {
  const read = await readAudit(at)
  return read.events.slice(events - read.dropped.events)
}

/** Another shell on what the store of this one holds now: what an enclave finds that starts after a crash. */
export function restarted(at: KubernetesShell, fresh: KubernetesShell): KubernetesShell {
  fresh.shell.records = new Map(at.shell.records)
  fresh.shell.version = at.shell.version
  return fresh
}
