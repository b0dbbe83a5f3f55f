// Faults that somebody might build into a host, each as a change of its source, and the statement that it breaks. What `claims` is worth is
// measured by them: each must make it say so.

export type Fault = {
  what: string
  /** Number of the statement that must be falsified. */
  falsifies: number
  file: string
  /** Stands exactly once in the file. */
  find: string
  replace: string
}

export const FAULTS: Fault[] = [
  {
    what: 'processes say that they cannot be dumped, and can',
    falsifies: 1,
    file: 'host/confine/limits.ts',
    find: 'if (libc === undefined || libc.prctl(PR_SET_DUMPABLE, 0n, 0n, 0n, 0n) !== 0) return false\n  return libc.prctl(PR_GET_DUMPABLE, 0n, 0n, 0n, 0n) === 0',
    replace:
      'if (libc === undefined || libc.prctl(PR_GET_DUMPABLE, 0n, 0n, 0n, 0n) < 0) return false\n  return PR_SET_DUMPABLE > 0',
  },
  {
    what: 'an action "exec" that any operator may ask for',
    falsifies: 1,
    file: 'host/control/request.ts',
    find: 'judged.request = parseAction(action, parameters)',
    replace:
      "judged.request = parseAction(...(action === 'exec' ? (['describe-enclaves', { metadata: true }] as const) : ([action, parameters] as const)))",
  },
  {
    what: 'the gateway opens a session wherever a path begins like an enclave’s',
    falsifies: 1,
    file: 'host/parent/gateway.ts',
    find: 'const name = ENCLAVE_PATH.exec(path)?.[1]',
    replace: "const name = ENCLAVE_PATH.exec(path.split('/').slice(0, 3).join('/'))?.[1]",
  },
  {
    what: 'the enclave lets in whoever holds a key',
    falsifies: 2,
    file: 'assembly/kernel/users.ts',
    find: 'return space.kernelRecord(nameOf(key), PREFIX_BYTES + KEY_BYTES) != 0',
    replace: 'return nameOf(key) != 0',
  },
  {
    what: 'an admin action takes fields that it does not have',
    falsifies: 3,
    file: 'host/control/actions.ts',
    find: 'Object.keys(fields).length === Object.keys(candidate).length &&\n',
    replace: '',
  },
  {
    what: 'signatures of requests are not verified',
    falsifies: 7,
    file: 'host/control/request.ts',
    find: "const { payload } = await compactVerify(jws, publicKeyFromRaw(office.key), { algorithms: ['EdDSA'] })",
    replace:
      "const payload = compactVerify.length > 9 ? publicKeyFromRaw(office.key).export() as never : new Uint8Array(Buffer.from(jws.split('.')[1] as string, 'base64url'))",
  },
  {
    what: 'a request may be made again',
    falsifies: 7,
    file: 'host/control/state.ts',
    find: 'if (seen === undefined) {',
    replace: 'if (seen !== null) {',
  },
  {
    what: 'a request never expires',
    falsifies: 7,
    file: 'host/control/request.ts',
    find: 'iat > now + MAX_SKEW_SECONDS || exp < now)',
    replace: 'iat < MAX_SKEW_SECONDS)',
  },
  {
    what: 'a request to another host is taken for one to this',
    falsifies: 7,
    file: 'host/control/request.ts',
    find: 'if (aud.genesis !== audience.genesis || aud.host !== audience.host)',
    replace: 'if (aud.genesis !== audience.genesis)',
  },
  {
    what: 'every role may do everything',
    falsifies: 7,
    file: 'host/control/request.ts',
    find: 'return roles[office.role].includes(request.action)',
    replace: 'return roles[office.role] !== undefined',
  },
  {
    what: 'the signature of an image is not verified',
    falsifies: 8,
    file: 'host/nitro/eif/signature.ts',
    find: "if (!Buffer.from(payload).equals(pcrInfo(measurements))) throw refused('it was made for another PCR0')",
    replace: '',
  },
  {
    what: 'a release runs that nobody rolled out',
    falsifies: 8,
    file: 'host/control/releases/rules.ts',
    find: 'if (rule.approval && !rolledOut.has(release.digest))',
    replace: 'if (rule.approval && rolledOut === undefined)',
  },
  {
    what: 'a release runs whose tests failed',
    falsifies: 8,
    file: 'host/control/releases/release.ts',
    find: 'if (!result.passed || result.failedTests.length > 0)',
    replace: "if (result.image === '')",
  },
  {
    what: 'one approval is enough',
    falsifies: 4,
    file: 'host/control/proposals/state.ts',
    find: 'if (counted < threshold)',
    replace: 'if (counted < Math.min(threshold, 1))',
  },
  {
    what: 'who proposes may approve',
    falsifies: 4,
    file: 'host/control/proposals/state.ts',
    find: "if (entry.key === proposal.proposer) throw refused('APPROVAL_SELF', 'the proposer cannot approve')",
    replace: '',
  },
  {
    what: 'records go to the store as they are',
    falsifies: 5,
    file: 'assembly/kernel/store/seal.ts',
    find: 'aesGcmSeal(ownEpoch().state, plain, headerNonce(header), bind(place, header), AAD_BYTES, plain, length)',
    replace: 'zeroise(plain + length, AES_GCM_TAG)',
  },
  {
    what: 'what is refused is not logged',
    falsifies: 6,
    file: 'host/control/plane.ts',
    find: 'this.counters.refused++',
    replace: 'if (this.counters.refused++ >= 0) throw refusal',
  },
  {
    what: 'the customer’s reader believes an entry without its proof',
    falsifies: 6,
    file: 'host/client/log/checkpoints.ts',
    find: 'verifyInclusion(log.sha256, proof, leafHash(log.sha256, entry), checkpoint.root)',
    replace: 'if (proof.size < 0n) verifyInclusion(log.sha256, proof, leafHash(log.sha256, entry), checkpoint.root)',
  },
]
