/** Whose signature a request bears, and from where it came. Having one means that the signature was verified. */
export type Caller = {
  /** ARN of a user, a role's session, or root. */
  principal: string
  accessKeyId: string
  sourceIp: string
  /** At most 256 characters, as it came. */
  userAgent: string
}
