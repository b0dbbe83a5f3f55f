// Somebody who may ask: what authentication.k8s.io/v1 calls a UserInfo. Having one means that a channel, a token or an impersonation that was
// allowed has said so; it does not mean that they may do anything.

/** Whoever is in it may do all, as the owners of the enclave are. */
export const MASTERS = 'system:masters'
export const AUTHENTICATED = 'system:authenticated'
export const UNAUTHENTICATED = 'system:unauthenticated'
/** In front of NAMESPACE:NAME in the name of a ServiceAccount as a user. */
export const ACCOUNT_PREFIX = 'system:serviceaccount:'

export class Extra {
  constructor(public key: string, public values: string[]) {}
}

export class Subject {
  uid: string = ''
  extra: Extra[] = []
  constructor(public name: string, public groups: string[]) {}

  get isMaster(): bool {
    return this.groups.includes(MASTERS)
  }
}
