// What is wrong with a lock file: how a dependency could bring in what nobody has looked at.
export type Lock = { packages: Record<string, LockedPackage> }
export type LockedPackage = {
  version?: string
  integrity?: string
  resolved?: string
  hasInstallScript?: boolean
  dev?: boolean
  devOptional?: boolean
  dependencies?: Record<string, string>
  devDependencies?: Record<string, string>
  optionalDependencies?: Record<string, string>
}
export type Reviewed = {
  /** Names of what is installed where wasmclave runs. */
  runtime: string[]
  /** What may run a script at its install. */
  scripts: string[]
}

export function lockFaults(lock: Lock, reviewed: Reviewed): string[] {
  const faults: string[] = []
  for (const [path, locked] of Object.entries(lock.packages)) {
    if (path === '') {
      for (const list of [locked.dependencies, locked.devDependencies, locked.optionalDependencies])
        for (const [name, version] of Object.entries(list ?? {}))
          if (!/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version)) faults.push(`${name}: ${version} is no exact version`)
      continue
    }
    const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)
    if (!/^sha512-[A-Za-z0-9+/]{86}==$/.test(locked.integrity ?? ''))
      faults.push(`${name}: integrity ${locked.integrity}`)
    // Whoever installs has a registry of their own; the digests hold wherever it is.
    if (locked.resolved !== undefined) faults.push(`${name}: comes from ${locked.resolved}`)
    if (locked.hasInstallScript && !reviewed.scripts.includes(name)) faults.push(`${name}: runs a script at install`)
    if (!locked.dev && !locked.devOptional && !reviewed.runtime.includes(name)) faults.push(`${name}: is new`)
  }
  return faults
}
