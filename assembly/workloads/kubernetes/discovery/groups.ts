// The groups and versions of the resource table, in its order.
import { Resource, resources } from '../resources/table'

export class GroupVersion {
  resources: Resource[] = []
  constructor(public group: string, public version: string) {}

  /** `api/v1`, `apis/coordination.k8s.io/v1`. */
  get path(): string {
    return this.group.length > 0 ? 'apis/' + this.group + '/' + this.version : 'api/' + this.version
  }

  get name(): string {
    return this.group.length > 0 ? this.group + '/' + this.version : this.version
  }
}

export function groupVersions(): GroupVersion[] {
  const found: GroupVersion[] = []
  for (let i = 0; i < resources.length; i++) {
    const each = resources[i]
    let into: GroupVersion | null = null
    for (let j = 0; j < found.length; j++) if (found[j].group == each.group && found[j].version == each.version) into = found[j]
    if (!into) {
      into = new GroupVersion(each.group, each.version)
      found.push(into)
    }
    into.resources.push(each)
  }
  return found
}
