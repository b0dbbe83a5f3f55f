// What a call has written, gathered until it has answered: only then is it an event. A call that is taken back leaves none.
import { Span } from '../../../sdk/span'
import { Resource } from '../resources/table'
import { RecordView } from '../storage/record'

export const ADDED = 0
export const MODIFIED = 1
export const DELETED = 2

export class Change {
  constructor(
    public type: i32,
    public resource: Resource,
    public namespace: Span,
    public name: Span,
    /** As it is now; of what was deleted, as it was, with the resourceVersion of the deletion. */
    public record: RecordView,
    /** As it was before, of what was modified. */
    public previous: RecordView | null
  ) {}
}

let changes: Change[] = []

export function clearChanges(): void {
  if (changes.length > 0) changes = []
}

export function changed(type: i32, resource: Resource, namespace: Span, name: Span, record: RecordView, previous: RecordView | null): void {
  changes.push(new Change(type, resource, namespace, name, record, previous))
}

export function takeChanges(): Change[] {
  const taken = changes
  changes = []
  return taken
}
