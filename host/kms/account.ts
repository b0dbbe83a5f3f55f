/** The one account of a host's KMS, and how its resources are named. */

/** Twelve digits, as AWS's; no account of AWS's is all zeros. */
export const ACCOUNT = '000000000000'

/** Where a KMS is, for the names of what it holds. */
export type Place = { account: string; region: string }

export function keyArn(place: Place, keyId: string): string {
  return `arn:aws:kms:${place.region}:${place.account}:key/${keyId}`
}

/** @param name with its `alias/` in front */
export function aliasArn(place: Place, name: string): string {
  return `arn:aws:kms:${place.region}:${place.account}:${name}`
}
