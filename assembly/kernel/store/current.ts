// The store's head as it stands: durable at the parent, and what the register names.
import { Head } from './head'

export const head = new Head()
