/** Who may what, as people ask and tell it with kubectl: roles, bindings, can-i, --as, and a ServiceAccount's token in place of the owner's. */
import type { Kubectl } from './kubectl.ts'

/** `kubectl auth whoami` asks for v1 of its review since then. */
const WHOAMI_SINCE = 28
const TOKEN = /^[\w-]+\.[\w-]+\.[\w-]+\n?$/

/** @param kubectl with ConfigMap `c`, Secret `s` and ServiceAccount `robot` in its namespace */
export async function access(kubectl: Kubectl): Promise<void> {
  await ask(kubectl)
  await grant(kubectl)
  await bear(kubectl)
  await takeBack(kubectl)
}

async function ask(kubectl: Kubectl): Promise<void> {
  await kubectl.expect('auth can-i * *', { out: 'yes\n' })
  await kubectl.expect('auth can-i get /metrics', { out: 'yes\n' })
  await kubectl.expect('auth can-i get configmaps --as=bob', { exit: 1, out: 'no\n' })
  await kubectl.expect('auth can-i get configmaps --as=bob --as-group=system:masters', { out: 'yes\n' })
  await kubectl.expect('auth can-i --list', {
    out: /^Resources +Non-Resource URLs +Resource Names +Verbs *\n[\s\S]*\*\.\* +\[\] +\[\] +\[\*\]/,
  })
  if (kubectl.minor >= WHOAMI_SINCE) {
    await kubectl.expect('auth whoami', {
      out: /Username +ed25519:[0-9a-f]{64}\nGroups +\[system:masters system:authenticated\]/,
    })
    await kubectl.expect('auth whoami --as=bob --as-group=dev', {
      out: /Username +bob\nGroups +\[dev system:authenticated\]/,
    })
  }
  await kubectl.expect('get configmap c --as=bob', {
    exit: 1,
    err: new RegExp(
      `\\(Forbidden\\): configmaps "c" is forbidden: User "bob" cannot get resource "configmaps" in API group "" in the namespace "${kubectl.namespace}"`,
    ),
  })
}

async function grant(kubectl: Kubectl): Promise<void> {
  const { namespace } = kubectl
  await kubectl.expect('create role reader --verb=get,list,watch --resource=configmaps', {
    out: 'role.rbac.authorization.k8s.io/reader created\n',
  })
  await kubectl.expect(`create rolebinding readers --role=reader --user=bob --serviceaccount=${namespace}:robot`, {
    out: 'rolebinding.rbac.authorization.k8s.io/readers created\n',
  })
  await kubectl.expect(`create clusterrole ${namespace}:lists --verb=list --resource=namespaces`, {
    out: `clusterrole.rbac.authorization.k8s.io/${namespace}:lists created\n`,
  })
  await kubectl.expect(`create clusterrolebinding ${namespace}:lists --clusterrole=${namespace}:lists --group=dev`, {
    out: `clusterrolebinding.rbac.authorization.k8s.io/${namespace}:lists created\n`,
  })
  await kubectl.expect('auth can-i get configmaps --as=bob', { out: 'yes\n' })
  await kubectl.expect('auth can-i delete configmaps --as=bob', { exit: 1, out: 'no\n' })
  await kubectl.expect('auth can-i list namespaces --as=eve --as-group=dev', { out: /^yes\n/ })
  await kubectl.expect('auth can-i --list --as=bob', { out: /configmaps +\[\] +\[\] +\[get list watch\]/ })
  await kubectl.expect('get configmap c --as=bob -o name', { out: 'configmap/c\n' })
  await kubectl.expect('get secret s --as=bob', { exit: 1, err: /secrets "s" is forbidden: User "bob" cannot get/ })
  await kubectl.expect('get rolebindings', { out: /^NAME +ROLE +AGE\nreaders +Role\/reader +\d+s\n$/ })
  await kubectl.expect('get rolebindings -o wide', {
    out: new RegExp(`readers +Role/reader +\\d+s +bob +${namespace}/robot\\n$`),
  })
  await kubectl.expect('get roles', { out: /^NAME +CREATED AT\nreader +\d{4}-\d\d-\d\dT\S+\n$/ })
  await kubectl.expect('describe role reader', { out: /configmaps +\[\] +\[\] +\[get list watch\]/ })
  await kubectl.expect('create role more --verb=get --resource=secrets --as=bob', {
    exit: 1,
    err: /roles.rbac.authorization.k8s.io is forbidden: User "bob" cannot create resource "roles"/,
  })
}

// In place of the owner's: kubectl sends what --token says.
async function bear(kubectl: Kubectl): Promise<void> {
  const { out } = await kubectl.expect('create token robot --duration=20m', { out: TOKEN })
  const token = `--token=${out.trim()}`
  await kubectl.expect('get configmap c -o name', { out: 'configmap/c\n' }, [token])
  await kubectl.expect('auth can-i list configmaps', { out: 'yes\n' }, [token])
  await kubectl.expect(
    'get secrets',
    {
      exit: 1,
      err: new RegExp(`User "system:serviceaccount:${kubectl.namespace}:robot" cannot list resource "secrets"`),
    },
    [token],
  )
  await kubectl.expect('get configmap c', { exit: 1, err: /Unauthorized|must be logged in/ }, [`${token}x`])
  await kubectl.expect('create token nobody', { exit: 1, err: /serviceaccounts "nobody" not found/ })
  await kubectl.expect('create token robot --duration=1m', { exit: 1, err: /duration less than 10 minutes|--duration/ })
}

async function takeBack(kubectl: Kubectl): Promise<void> {
  const { namespace } = kubectl
  await kubectl.expect('delete rolebinding readers', {
    out: /^rolebinding\.rbac\.authorization\.k8s\.io "readers" deleted/,
  })
  await kubectl.expect('auth can-i get configmaps --as=bob', { exit: 1, out: 'no\n' })
  await kubectl.expect(`delete clusterrolebinding,clusterrole ${namespace}:lists`, { out: /deleted[\s\S]*deleted/ })
}
