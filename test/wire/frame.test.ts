import t from 'tap'
import { encodeFrame, type Frame, FrameReader } from '../../host/wire/frame.ts'

const frames: Frame[] = [
  { type: 1, id: 7, payload: new Uint8Array(0) },
  { type: 2, id: 0xffffffff, payload: Uint8Array.of(1, 2, 3) },
  { type: 255, id: 0, payload: new Uint8Array(0) },
  { type: 2, id: 1, payload: new Uint8Array(1000).fill(9) },
]
const stream = Buffer.concat(frames.map((frame) => encodeFrame(frame.type, frame.id, frame.payload)))

function read(chunks: Uint8Array[], max = 1000): Frame[] {
  const reader = new FrameReader(max)
  return chunks.flatMap((chunk) =>
    [...reader.push(chunk)].map(({ type, id, payload }) => ({ type, id, payload: new Uint8Array(payload) })),
  )
}

t.test('accepts a stream cut at every pair of places', async (t) => {
  const expected = JSON.stringify(frames)
  for (let a = 0; a <= 40; a++)
    for (let b = a; b <= 60; b++) {
      const got = JSON.stringify(read([stream.subarray(0, a), stream.subarray(a, b), stream.subarray(b)]))
      if (got !== expected) t.fail(`cut at ${a} and ${b}`)
    }
  t.same(read([...stream].map((byte) => Uint8Array.of(byte))), frames, 'byte by byte')
})

t.test('accepts a payload of the limit and rejects one byte more before it allocates', async (t) => {
  t.equal(read([stream], 1000).length, 4)
  t.throws(() => read([stream], 999), { code: 'ERR_FRAME_SIZE' })
  t.throws(() => read([Uint8Array.of(0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0, 0)]), { code: 'ERR_FRAME_SIZE' })
})
