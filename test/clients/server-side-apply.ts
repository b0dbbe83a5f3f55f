/** kubectl apply --server-side: conflicts, force, and what kubectl does to an object of client-side apply. */
import type { Kubectl } from './kubectl.ts'

const MANAGERS = '-o jsonpath={range .metadata.managedFields[*]}{.manager}/{.operation} {end}'

export async function serverSideApply(kubectl: Kubectl): Promise<void> {
  const manifest = (name: string, data: Record<string, string>, labels: Record<string, string> = {}) =>
    kubectl.file(`${name}.json`, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, labels }, data })
  const apply = (name: string, more: string, said: string) =>
    kubectl.expect(`apply --server-side ${more}-f ${name}.json`, { out: `configmap/${name} ${said}\n` })
  const data = (name: string, wanted: string) =>
    kubectl.expect(`get configmap ${name} -o jsonpath={.data}`, { out: wanted })
  const managers = (name: string, wanted: RegExp) =>
    kubectl.expect(`get configmap ${name} --show-managed-fields`, { out: wanted }, MANAGERS.split(/ (.*)/s, 2))

  manifest('ssa', { a: '1', b: '2' })
  await apply('ssa', '', 'serverside-applied')
  await data('ssa', '{"a":"1","b":"2"}')
  await managers('ssa', /^kubectl\/Apply $/)
  manifest('ssa', { a: '1', c: '3' })
  await kubectl.expect('diff --server-side -f ssa.json', { exit: 1, out: /- {2}b: "2"\n\+ {2}c: "3"/ })
  await apply('ssa', '', 'serverside-applied')
  await data('ssa', '{"a":"1","c":"3"}')
  await kubectl.expect('get configmap ssa -o yaml', { out: /^(?![\s\S]*managedFields)/ })
  await kubectl.expect('get configmap ssa -o yaml --show-managed-fields', { out: /managedFields:\n[\s\S]*f:data:\n/ })

  await kubectl.expect('patch configmap ssa --type=merge', { out: /patched/ }, ['-p', '{"data":{"a":"patched"}}'])
  await managers('ssa', /^kubectl\/Apply kubectl-patch\/Update $/)
  await kubectl.expect('apply --server-side -f ssa.json', {
    exit: 1,
    err: /Apply failed with 1 conflict: conflict with "kubectl-patch" using v1: \.data\.a\n[\s\S]*--force-conflicts/,
  })
  await data('ssa', '{"a":"patched","c":"3"}')
  await apply('ssa', '--force-conflicts ', 'serverside-applied')
  await data('ssa', '{"a":"1","c":"3"}')
  await kubectl.expect('apply --server-side --field-manager=other -f ssa.json', { out: /serverside-applied/ })
  await managers('ssa', /^kubectl\/Apply other\/Apply $/)
  await kubectl.expect('apply --server-side --dry-run=server -f ssa.json', {
    out: /serverside-applied \(server dry run\)/,
  })

  // From client-side apply: what it owned is kubectl's, and goes when it is left out
  const path = manifest('moved', { a: '1', b: '2' }, { app: 'x' })
  await kubectl.expect(`apply -f ${path}`, { out: 'configmap/moved created\n' })
  await managers('moved', /^kubectl-client-side-apply\/Update $/)
  manifest('moved', { a: 'changed' }, { app: 'x' })
  await apply('moved', '', 'serverside-applied')
  await data('moved', '{"a":"changed"}')
  // By time, which may be the same second for both
  await managers('moved', /^(kubectl-last-applied\/Apply )?kubectl\/Apply (kubectl-last-applied\/Apply )?$/)
  // And back: client-side apply still finds what was applied last
  manifest('moved', { c: '3' }, { app: 'x' })
  await kubectl.expect(`apply -f ${path}`, { out: 'configmap/moved configured\n' })
  await data('moved', '{"c":"3"}')
  await kubectl.expect('delete configmap ssa moved', { out: /"ssa" deleted[\s\S]*"moved" deleted/ })
}
