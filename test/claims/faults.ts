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
    what: 'whoever made the image’s certificate is a pipeline',
    falsifies: 8,
    file: 'host/nitro/launch.ts',
    find: 'if (!input.genesis.pipelineCertificates.includes(digest))',
    replace: 'if (input.genesis.pipelineCertificates.length === 0)',
  },
  {
    what: 'the signature of an image is not verified',
    falsifies: 8,
    file: 'host/nitro/eif/signature.ts',
    find: "if (!Buffer.from(payload).equals(pcrInfo(measurements))) throw refused('it was made for another PCR0')",
    replace: '',
  },
]
