/**
 * What people do with kubectl, as far as this server goes: each command with what a real cluster makes it say. The same for every version;
 * where versions differ, the expectation names what they share.
 */

import { access } from './access.ts'
import { customResources } from './custom-resources.ts'
import type { Kubectl } from './kubectl.ts'
import { sleep } from './server.ts'
import { serverSideApply } from './server-side-apply.ts'

const CONFLICT = /Operation cannot be fulfilled on configmaps "c": the object has been modified/

export async function kubectlScript(kubectl: Kubectl): Promise<void> {
  const { namespace } = kubectl
  await about(kubectl)
  await kubectl.expect(`create namespace ${namespace}`, { out: `namespace/${namespace} created\n` })
  await create(kubectl)
  await apply(kubectl)
  await serverSideApply(kubectl)
  await change(kubectl)
  await look(kubectl)
  await access(kubectl)
  await customResources(kubectl)
  await watch(kubectl)
  await remove(kubectl)
}

async function about(kubectl: Kubectl): Promise<void> {
  await kubectl.expect('version -o json', { out: /"gitVersion": "v1\.\d+\.\d+\+wasmclave"/ })
  await kubectl.expect('api-versions', {
    out: /^(.*\n)*apiextensions\.k8s\.io\/v1\nauthentication\.k8s\.io\/v1\n(.*\n)*authorization\.k8s\.io\/v1\n(.*\n)*coordination\.k8s\.io\/v1\n(.*\n)*rbac\.authorization\.k8s\.io\/v1\n(.*\n)*v1\n$/,
  })
  await kubectl.expect('api-resources --no-headers', {
    out: /^configmaps +cm +v1 +true +ConfigMap\nevents +ev +v1 +true +Event\nnamespaces +ns +v1 +false +Namespace\nsecrets +v1 +true +Secret\nserviceaccounts +sa +v1 +true +ServiceAccount\n[\s\S]*\nleases +coordination\.k8s\.io\/v1 +true +Lease\n[\s\S]*\nroles +rbac\.authorization\.k8s\.io\/v1 +true +Role\n/,
  })
  await kubectl.expect('api-resources --verbs=patch --namespaced=false --api-group= -o name', { out: 'namespaces\n' })
  await kubectl.expect('get --raw /readyz', { out: 'ok' })
  await kubectl.expect('get --raw /livez?verbose', { out: /\[\+\]ping ok\nlivez check passed/ })
  await kubectl.expect('get namespaces -o name', {
    out: /namespace\/default\nnamespace\/kube-node-lease\nnamespace\/kube-public\nnamespace\/kube-system\n/,
  })
  await kubectl.expect('explain secret.type', { out: /KIND: +Secret\nVERSION: +v1\n[\s\S]*FIELD: +type +<string>/ })
  await kubectl.expect('explain lease.spec', {
    out: /FIELDS:\n[\s\S]*holderIdentity\t<string>[\s\S]*leaseDurationSeconds\t<integer>/,
  })
  await kubectl.expect('get pods', { exit: 1, err: /the server doesn't have a resource type "pods"/ })
}

async function create(kubectl: Kubectl): Promise<void> {
  const { namespace } = kubectl
  await kubectl.expect(`create namespace ${namespace}`, {
    exit: 1,
    err: new RegExp(`Error from server \\(AlreadyExists\\): namespaces "${namespace}" already exists`),
  })
  await kubectl.expect('create configmap c --from-literal=a=1', { out: 'configmap/c created\n' })
  await kubectl.expect('create configmap c --from-literal=a=1', {
    exit: 1,
    err: /configmaps "c" already exists/,
  })
  await kubectl.expect('create secret generic s --from-literal=user=admin --from-literal=empty=', {
    out: 'secret/s created\n',
  })
  await kubectl.expect('create serviceaccount robot', { out: 'serviceaccount/robot created\n' })
  await kubectl.expect('create configmap Bad_Name', { exit: 1, err: /ConfigMap "Bad_Name" is invalid: metadata\.name/ })
  await kubectl.expect('create configmap dry --dry-run=server -o name', { out: 'configmap/dry\n' })
  await kubectl.expect('get configmap dry', { exit: 1, err: /\(NotFound\): configmaps "dry" not found/ })
  const secret = kubectl.file('secret.json', {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'f' },
    stringData: { k: 'v' },
  })
  await kubectl.expect(`create -f ${secret}`, { out: 'secret/f created\n' })
  await kubectl.expect('get secret f -o jsonpath={.data.k}/{.type}', { out: 'dg==/Opaque' })
  const unknown = kubectl.file('unknown.json', {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'u' },
    spec: {},
    data: {},
  })
  await kubectl.expect(`create -f ${unknown}`, { exit: 1, err: /strict decoding error: unknown field "spec"/ })
  await kubectl.expect(`create --validate=warn -f ${unknown}`, {
    out: 'configmap/u created\n',
    err: /Warning: unknown field "spec"/,
  })
}

async function apply(kubectl: Kubectl): Promise<void> {
  const manifest = (data: Record<string, string>, labels: Record<string, string> = { app: 'x' }) =>
    kubectl.file('apply.json', { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'applied', labels }, data })
  const path = manifest({ a: '1', b: '2' })
  await kubectl.expect(`apply -f ${path}`, { out: 'configmap/applied created\n' })
  const first = await kubectl.run(
    `-n ${kubectl.namespace} get configmap applied -o jsonpath={.metadata.resourceVersion}`,
  )
  await kubectl.expect(`apply -f ${path}`, { out: 'configmap/applied unchanged\n' })
  await kubectl.expect('get configmap applied -o jsonpath={.metadata.resourceVersion}', { out: first.out })
  manifest({ a: '1', c: '3' })
  await kubectl.expect(`diff -f ${path}`, { exit: 1, out: /- {2}b: "2"\n\+ {2}c: "3"/ })
  await kubectl.expect('get configmap applied -o jsonpath={.data}', { out: '{"a":"1","b":"2"}' })
  await kubectl.expect(`apply -f ${path}`, { out: 'configmap/applied configured\n' })
  await kubectl.expect('get configmap applied -o jsonpath={.data}', { out: '{"a":"1","c":"3"}' })
  await kubectl.expect(`diff -f ${path}`, { exit: 0, out: '' })
  await kubectl.expect(`apply view-last-applied -f ${path} -o json`, { out: /"c": "3"/ })
}

async function change(kubectl: Kubectl): Promise<void> {
  const data = (wanted: string) => kubectl.expect('get configmap c -o jsonpath={.data}', { out: wanted })
  const patch = (type: string, body: unknown) =>
    kubectl.expect(`patch configmap c --type=${type}`, { out: /^configmap\/c patched/ }, ['-p', JSON.stringify(body)])
  await patch('merge', { data: { b: '2', a: null } })
  await data('{"b":"2"}')
  await patch('strategic', { data: { c: '3' } })
  await data('{"b":"2","c":"3"}')
  await patch('json', [
    { op: 'test', path: '/data/b', value: '2' },
    { op: 'move', from: '/data/b', path: '/data/d' },
  ])
  await data('{"c":"3","d":"2"}')
  await kubectl.expect(
    'patch configmap c --type=json',
    { exit: 1, err: /the server rejected our request due to an error in our request/ },
    ['-p', '[{"op":"test","path":"/data/d","value":"x"}]'],
  )
  await kubectl.expect('label configmap c tier=front', { out: /^configmap\/c labeled\n/ })
  await kubectl.expect('label configmap c tier=back', { exit: 1, err: /'tier' already has a value \(front\)/ })
  await kubectl.expect('label configmap c tier=back --overwrite', { out: /^configmap\/c labeled\n/ })
  await kubectl.expect('annotate configmap c note=hello', { out: /^configmap\/c annotated?\n/ })
  const editor = kubectl.file('editor.sh', `#!/bin/sh\nsed -i 's/^  d: "2"/  d: edited/' "$1"\n`)
  await kubectl.expect('edit configmap c', { out: 'configmap/c edited\n' }, [], { KUBE_EDITOR: editor })
  await data('{"c":"3","d":"edited"}')
  const read = await kubectl.run(`-n ${kubectl.namespace} get configmap c -o json`)
  const object = JSON.parse(read.out) as { metadata: { resourceVersion: string }; data: Record<string, string> }
  const path = kubectl.file('replace.json', { ...object, data: { e: '5' } })
  await kubectl.expect(`replace -f ${path}`, { out: 'configmap/c replaced\n' })
  await data('{"e":"5"}')
  await kubectl.expect(`replace -f ${path}`, { exit: 1, err: CONFLICT })
  kubectl.file('replace.json', { ...object, metadata: { ...object.metadata, resourceVersion: '' }, data: { f: '6' } })
  await kubectl.expect(`replace --force -f ${path}`, { out: /configmap\/c replaced\n$/ })
  await data('{"f":"6"}')
}

async function look(kubectl: Kubectl): Promise<void> {
  const { namespace } = kubectl
  await kubectl.expect('label configmap applied c tier=all --overwrite', { out: /labeled/ })
  await kubectl.expect('get cm -l tier=all -o name', { out: 'configmap/applied\nconfigmap/c\n' })
  await kubectl.expect('get cm -l', { out: 'configmap/applied\n' }, ['app in (x,y),tier', '-o', 'name'])
  await kubectl.expect('get cm --field-selector=metadata.name=c -o name', { out: 'configmap/c\n' })
  await kubectl.expect('get secrets --field-selector=type=Opaque -o name', { out: 'secret/f\nsecret/s\n' })
  await kubectl.expect('get cm --field-selector=spec.x=c', {
    exit: 1,
    err: /is not a known field selector|field label not supported/,
  })
  await kubectl.expect('get cm --chunk-size=1 -o name', {
    out: /^configmap\/applied\nconfigmap\/c\nconfigmap\/kube-root-ca\.crt\nconfigmap\/u\n$/,
  })
  await kubectl.expect('get secret s', { out: /^NAME +TYPE +DATA +AGE\ns +Opaque +2 +\d+s\n$/ })
  await kubectl.expect('get cm,secret -o name', { out: /configmap\/c[\s\S]*secret\/s/ })
  await kubectl.expect('get cm c -o yaml', { out: /^apiVersion: v1\ndata:\n {2}f: "6"\nkind: ConfigMap\nmetadata:\n/ })
  await kubectl.expect('get cm --sort-by=.metadata.name -o custom-columns=N:.metadata.name --no-headers', {
    out: /^applied\nc\n/,
  })
  await kubectl.expect('get sa', { out: /^NAME +SECRETS +AGE\ndefault +0 +\S+\nrobot +0 +\S+\n$/ })
  await kubectl.expect('get cm -A -o name', { out: /configmap\/applied\n/ })
  await kubectl.expect(`get ns ${namespace} -o jsonpath={.status.phase}/{.metadata.labels}`, {
    out: `Active/{"kubernetes.io/metadata.name":"${namespace}"}`,
  })
  await kubectl.expect('describe secret s', { out: /Name: +s\n[\s\S]*Type: +Opaque\n[\s\S]*user: +5 bytes/ })
  await kubectl.expect('describe configmap c', { out: /Name: +c\n[\s\S]*f:\n----\n6\n[\s\S]*Events: +<none>/ })
  await kubectl.expect(`describe namespace ${namespace}`, { out: /Status: +Active/ })
  await events(kubectl)
}

async function events(kubectl: Kubectl): Promise<void> {
  const now = new Date().toISOString().replace(/\.\d+/, '')
  const path = kubectl.file('event.json', {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: 'e1', namespace: kubectl.namespace },
    involvedObject: { kind: 'ConfigMap', name: 'c', namespace: kubectl.namespace, apiVersion: 'v1' },
    reason: 'Tried',
    message: 'it was tried',
    type: 'Normal',
    source: { component: 'script' },
    firstTimestamp: now,
    lastTimestamp: now,
    count: 1,
  })
  await kubectl.expect(`create -f ${path}`, { out: 'event/e1 created\n' })
  await kubectl.expect('events --for=configmap/c', { out: /Normal +Tried +ConfigMap\/c +it was tried/ })
  await kubectl.expect('get events --field-selector=reason=Tried -o name', { out: 'event/e1\n' })
}

async function watch(kubectl: Kubectl): Promise<void> {
  const { namespace } = kubectl
  // A watch that ends by itself: --request-timeout is sent as timeoutSeconds too.
  const watching = kubectl.run(
    `-n ${namespace} get cm -l watched -w --no-headers --output-watch-events --request-timeout=6s`,
  )
  await sleep(2000)
  await kubectl.expect('create configmap w1', { out: 'configmap/w1 created\n' })
  await kubectl.expect('label configmap w1 watched=yes', { out: /labeled/ })
  await kubectl.expect('annotate configmap w1 x=y', { out: /annotated?/ })
  await kubectl.expect('label configmap w1 watched-', { out: /unlabeled|labeled/ })
  const { out } = await watching
  const seen = out
    .trim()
    .split('\n')
    .map((line) => line.split(/ +/).slice(0, 2).join(' '))
  kubectl.note(
    seen.join() === 'ADDED w1,MODIFIED w1,DELETED w1',
    'a watch by label sees what begins and stops to match',
    out,
  )
  const waiting = kubectl.expect('wait --for=jsonpath={.data.ready}=yes configmap/w1 --timeout=20s', {
    out: 'configmap/w1 condition met\n',
  })
  await sleep(500)
  await kubectl.expect('patch configmap w1 --type=merge', { out: /patched/ }, ['-p', '{"data":{"ready":"yes"}}'])
  await waiting
  await kubectl.expect('wait --for=jsonpath={.data.ready}=no configmap/w1 --timeout=1s', {
    exit: 1,
    err: /timed out waiting/,
  })
}

async function remove(kubectl: Kubectl): Promise<void> {
  const { namespace } = kubectl
  const gone = kubectl.expect('wait --for=delete configmap/w1 --timeout=20s', {
    out: /^(configmap\/w1 condition met\n)?$/,
  })
  await sleep(1500)
  await kubectl.expect('delete configmap w1', { out: /^configmap "w1" deleted/ })
  await gone
  await kubectl.expect('delete configmap w1', { exit: 1, err: /\(NotFound\): configmaps "w1" not found/ })
  await kubectl.expect('delete configmap w1 --ignore-not-found', { out: '' })
  await kubectl.expect('create configmap held', { out: 'configmap/held created\n' })
  await kubectl.expect('patch configmap held --type=merge', { out: /patched/ }, [
    '-p',
    '{"metadata":{"finalizers":["example.com/hold"]}}',
  ])
  const deleting = kubectl.expect('delete configmap held --wait=true --timeout=50s', {
    out: /^configmap "held" deleted/,
  })
  const deletion = 'get configmap held -o jsonpath={.metadata.deletionTimestamp}'
  for (let i = 0; i < 60 && (await kubectl.run(`-n ${namespace} ${deletion}`)).out === ''; i++) await sleep(200)
  await kubectl.expect('get configmap held -o jsonpath={.metadata.finalizers}', { out: '["example.com/hold"]' })
  await kubectl.expect('delete configmap held --wait=false', { out: /^configmap "held" deleted/ })
  await kubectl.expect('patch configmap held --type=json', { out: /patched/ }, [
    '-p',
    '[{"op":"remove","path":"/metadata/finalizers"}]',
  ])
  await deleting
  await kubectl.expect('delete configmap applied c --cascade=foreground', {
    out: /"applied" deleted[\s\S]*"c" deleted/,
  })
  await cascade(kubectl)
  await kubectl.expect('delete secrets --all', { out: /secret "f" deleted[\s\S]*secret "s" deleted/ })
  await kubectl.expect('delete namespace default', {
    exit: 1,
    err: /\(Forbidden\): namespaces "default" is forbidden: this namespace may not be deleted/,
  })
  await kubectl.expect(`delete namespace ${namespace} --wait=true --timeout=40s`, {
    out: new RegExp(`^namespace "${namespace}" deleted`),
  })
  await kubectl.expect(`get namespace ${namespace}`, { exit: 1, err: /NotFound/ })
  await kubectl.expect('get cm -o name', { out: '' })
}

/** What becomes of objects whose owner is deleted. */
async function cascade(kubectl: Kubectl): Promise<void> {
  for (const [policy, left] of [
    ['background', ''],
    ['foreground', ''],
    ['orphan', 'configmap/dependent\n'],
  ] as const) {
    await kubectl.expect('create configmap owner', { out: 'configmap/owner created\n' })
    const { out: uid } = await kubectl.run(`-n ${kubectl.namespace} get configmap owner -o jsonpath={.metadata.uid}`)
    const ownerReferences = [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid, blockOwnerDeletion: true }]
    const path = kubectl.file('dependent.json', {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'dependent', ownerReferences },
    })
    await kubectl.expect(`create -f ${path}`, { out: 'configmap/dependent created\n' })
    await kubectl.expect(`delete configmap owner --cascade=${policy} --timeout=50s`, {
      out: /^configmap "owner" deleted/,
    })
    if (left === '') await kubectl.expect('wait --for=delete configmap/dependent --timeout=50s', {})
    await kubectl.expect('get configmap dependent --ignore-not-found -o name', { out: left })
  }
  await kubectl.expect('delete configmap dependent', { out: /deleted/ })
}
