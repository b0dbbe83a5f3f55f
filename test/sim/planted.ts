// Kernels with one check missing, which the simulation must find: otherwise it looks at nothing.
import type { SourceChange } from '../kit/kernel-build.ts'

export type Planted = { name: string; changes: SourceChange[] }

/**
 * Not here: a kernel that goes on when the register is not what it expects. A holder's register moves by that holder alone, so the check says
 * something only where the KMS's disk was put back under a running enclave; the next boot is stale then with or without it, and no history
 * shows the difference. test/store/commit.test.ts tries it by itself.
 */
export const PLANTED: Planted[] = [
  {
    name: 'acknowledges before the register knows',
    changes: [['kernel/store/commit.ts', 'if (status == 0) advance()', 'if (status == 0) succeeded()']],
  },
  {
    name: 'believes that what failed is not there',
    changes: [['kernel/store/commit.ts', '  else readBack()\n}', '  else failed()\n}']],
  },
  {
    name: 'does not compare the set hash',
    changes: [['kernel/store/opening.ts', 'memory.compare(head.setHash, sum, SET_HASH) != 0', 'false']],
  },
  {
    name: 'does not compare the head with the register',
    changes: [
      ['kernel/store/opening.ts', 'if (register.is(head.generation, head.hash)) return opened()', 'return opened()'],
    ],
  },
  {
    name: 'takes no notice of head tokens',
    changes: [['kernel/handshake.ts', 'if (judged == TOKEN_AHEAD)', 'if (judged == TOKEN_INVALID)']],
  },
  {
    name: 'answers before the write is durable',
    changes: [['kernel/calls.ts', 'if (writes) return hold(', 'if (writes && !hasStore) return hold(']],
  },
  {
    name: 'lets two transactions write one key at once',
    changes: [
      ['kernel/space/space.ts', ' || area.pending.get(key, keyLength) != 0) {', ') {'],
      ['kernel/space/space.ts', 'if (this.readPending || ', 'if ('],
    ],
  },
  {
    name: 'reads on when it is fenced',
    changes: [
      [
        'kernel/store/commit.ts',
        'if (answer == ANSWER_FENCED) return fault(FAULT_FENCED, BLAME_PARENT)',
        'if (answer == ANSWER_FENCED) return 0',
      ],
      ['kernel/store/commit.ts', '(now - freshAt <= FRESH_MS && initial === null)', '(initial === null)'],
    ],
  },
]
