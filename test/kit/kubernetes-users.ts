// Users of the Kubernetes workload as the channel knows them, and the roles and bindings that tests give them.

export const RBAC = 'rbac.authorization.k8s.io'
export const RBAC_PATH = `/apis/${RBAC}/v1`

export type User = { role: number; key: Uint8Array; name: string }
export type PolicyRule = {
  verbs: string[]
  apiGroups?: string[]
  resources?: string[]
  resourceNames?: string[]
  nonResourceURLs?: string[]
}

/** An enrolled user whose key is this byte, again and again. */
export function userOf(byte: number): User {
  const key = new Uint8Array(32).fill(byte)
  return { role: 2, key, name: `ed25519:${Buffer.from(key).toString('hex')}` }
}

export function role(name: string, rules: PolicyRule[], metadata: object = {}): object {
  return { metadata: { name, ...metadata }, rules }
}

/** @param users names; `group:NAME` is a group, `sa:NAMESPACE/NAME` a ServiceAccount */
export function binding(name: string, kind: string, roleName: string, users: string[]): object {
  const subjects = users.map((each) => {
    const [, account, group] = /^(?:sa:(.*)|group:(.*))$/.exec(each) ?? []
    if (account !== undefined) {
      const [namespace, own] = account.split('/')
      return { kind: 'ServiceAccount', namespace, name: own }
    }
    return { kind: group === undefined ? 'User' : 'Group', name: group ?? each }
  })
  return { metadata: { name }, subjects, roleRef: { apiGroup: RBAC, kind, name: roleName } }
}

export const clusterBinding = (name: string, roleName: string, users: string[]): object =>
  binding(name, 'ClusterRole', roleName, users)
