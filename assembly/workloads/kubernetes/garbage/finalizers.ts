// What a DELETE asks of its dependents, kept with the object as a finalizer until it is done.
// https://kubernetes.io/docs/concepts/architecture/garbage-collection
import { JsonNode, newNode, newText, TYPE_ARRAY } from '../json/node'
import { metadataOf } from '../object/metadata'
import { FOREGROUND, hasFinalizer, ORPHAN, removeFinalizer } from './owners'

/** Sets the finalizer of a propagation policy; "" leaves what the object says itself. */
export function settleFinalizers(root: JsonNode, policy: string): void {
  const wanted = policy == 'Foreground' ? FOREGROUND : policy == 'Orphan' ? ORPHAN : policy.length > 0 ? '' : hasFinalizer(root, ORPHAN) ? ORPHAN : hasFinalizer(root, FOREGROUND) ? FOREGROUND : ''
  if (wanted != FOREGROUND) removeFinalizer(root, FOREGROUND)
  if (wanted != ORPHAN) removeFinalizer(root, ORPHAN)
  if (wanted.length == 0 || hasFinalizer(root, wanted)) return
  const metadata = metadataOf(root)
  let finalizers = metadata.get('finalizers')
  if (!finalizers) {
    finalizers = newNode(TYPE_ARRAY)
    // Before managedFields, as the type has them
    const managed = metadata.get('managedFields')
    if (managed) metadata.detach(managed)
    metadata.set('finalizers', finalizers)
    if (managed) metadata.append(managed)
  }
  finalizers.append(newText(wanted))
}
