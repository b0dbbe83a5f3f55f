/** What an intruder on the machine is told to try, and what it answers. */

export type Task =
  | { kind: 'read'; path: string }
  /** Whether one may look is decided here; what is at which address is another question. */
  | { kind: 'open'; path: string }
  /** At an address of its own choice: whether it is allowed at all comes before whether something is there. */
  | { kind: 'read-memory'; pid: number }
  | { kind: 'attach'; pid: number }
  | { kind: 'steal-descriptor'; pid: number; fd: number }
  | { kind: 'inspector'; pid: number; waitMs: number }
  | { kind: 'connect'; path: string }
  | { kind: 'list'; path: string }
  | { kind: 'write'; path: string }
export type Order = { uid: number; gid: number; tasks: Task[] }
export type Answer = { done: boolean; saw: string }

/** Answers for a task that stands for nothing on this machine. */
export type Report = { answers: Answer[] } | { impossible: string }
