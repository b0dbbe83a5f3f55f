import t from 'tap'
import { handleNsm } from '../../host/nitro/nsm/nsm.ts'
import { PcrBank } from '../../host/nitro/nsm/pcr-bank.ts'
import { Signer } from '../../host/nitro/nsm/signer.ts'
import { decodeCbor } from '../../host/wire/cbor.ts'

const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, 'hex'))
const bank = () => new PcrBank({ 0: '11'.repeat(48) })
function call(request: Uint8Array, pcrs = bank()): string {
  const outcome = handleNsm(request, pcrs, 'i-0-enc0')
  return 'response' in outcome ? Buffer.from(outcome.response).toString('hex') : 'attestation'
}
const error = (code: string) =>
  Buffer.concat([bytes('a1654572726f72'), Buffer.of(0x60 + code.length), Buffer.from(code)]).toString('hex')

t.test('answers the seven calls in the bytes of nsm-api', async (t) => {
  const pcrs = bank()
  t.match(
    call(bytes(`69${Buffer.from('GetRandom').toString('hex')}`)),
    /^a16947657452616e646f6da16672616e646f6d590100/,
    "what Linux's driver compares",
  )
  t.equal(
    call(bytes('a16b4465736372696265504352a165696e64657800')),
    `a16b4465736372696265504352a26464617461${'5830'}${'11'.repeat(48)}646c6f636bf5`,
  )
  t.equal(
    call(bytes('a169457874656e64504352a265696e64657810646461746143010203'), pcrs),
    'a169457874656e64504352a164646174615830cb178fcd3f328244c05c6248723fd068b3a1dda878e1ab8be911098f199958add55d0c27f04826d27b44d949a650694e',
  )
  t.equal(call(bytes('a1674c6f636b504352a165696e64657810'), pcrs), '674c6f636b504352')
  t.equal(call(bytes('a1674c6f636b504352a165696e64657810'), pcrs), error('ReadOnlyIndex'), 'locked already')
  t.equal(call(bytes('a169457874656e64504352a265696e64657810646461746143010203'), pcrs), error('ReadOnlyIndex'))
  t.equal(call(bytes('a1684c6f636b50435273a16572616e676511'), pcrs), '684c6f636b50435273')
  t.equal(call(bytes('a1684c6f636b50435273a16572616e676511'), pcrs), '684c6f636b50435273', 'idempotent')
  const description = decodeCbor(bytes(call(bytes('6b44657363726962654e534d'), pcrs))) as Map<
    string,
    Map<string, unknown>
  >
  const fields = description.get('DescribeNSM') as Map<string, unknown>
  t.same(
    [...fields.keys()],
    ['digest', 'max_pcrs', 'module_id', 'locked_pcrs', 'version_major', 'version_minor', 'version_patch'],
  )
  t.same(fields.get('locked_pcrs'), [...Array(17).keys()])
  t.equal(
    call(bytes('a16b4174746573746174696f6ea369757365725f64617461f6656e6f6e6365f66a7075626c69635f6b6579f6')),
    'attestation',
  )
  t.equal(call(bytes('a16b4174746573746174696f6ea0')), 'attestation', 'without fields, as QEMU takes it')
})

t.test('refuses indices, ranges and sizes at their limits', async (t) => {
  const index = (name: string, value: string) =>
    bytes(
      `a1${(0x60 + name.length).toString(16)}${Buffer.from(name).toString('hex')}a165${Buffer.from('index').toString('hex')}${value}`,
    )
  t.match(call(index('DescribePCR', '181f')), /^a16b4465736372696265504352/)
  t.equal(call(index('DescribePCR', '1820')), error('InvalidIndex'))
  t.equal(call(index('LockPCR', '181f')), '674c6f636b504352')
  t.equal(call(index('LockPCR', '1820')), error('InvalidIndex'))
  t.equal(call(index('LockPCR', '0f')), error('ReadOnlyIndex'), '15 is locked at boot')
  t.equal(call(index('LockPCR', '10')), '674c6f636b504352')
  t.equal(call(bytes('a1684c6f636b50435273a16572616e67651820')), '684c6f636b50435273')
  t.equal(call(bytes('a1684c6f636b50435273a16572616e67651821')), error('InvalidIndex'))
  for (const junk of [
    '',
    '00',
    'ff',
    '6161',
    'a0',
    'a2616161626163',
    '9f',
    'a1674c6f636b504352f6',
    'a1674c6f636b504352a0',
  ])
    t.equal(call(bytes(junk)), error('InvalidOperation'), junk)
  t.equal(call(new Uint8Array(4097)), error('InputTooLarge'))
  t.equal(call(new Uint8Array(4096)), error('InvalidOperation'))
})

t.test('a flood at one enclave delays another by a turn, not by the flood', async (t) => {
  const signer = new Signer()
  const order: string[] = []
  const job = (name: string) => async () => {
    await new Promise((resolve) => setTimeout(resolve, 1))
    order.push(name)
  }
  for (let i = 0; i < 200; i++) signer.submit('flood', job('flood'))
  signer.submit('honest', job('honest'))
  while (!order.includes('honest')) await new Promise((resolve) => setTimeout(resolve, 5))
  t.ok(order.indexOf('honest') < 10, `after ${order.indexOf('honest')} others`)
  let accepted = 0
  for (let i = 0; i < 400; i++) if (signer.submit('flood', job('flood'))) accepted++
  t.ok(accepted < 400, `${accepted} more were queued`)
})
