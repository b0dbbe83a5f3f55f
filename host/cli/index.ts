/** The command line: nitro-cli's verbs with its flags, and wasmclave's own beside them. One file a verb or a family of verbs. */
import { Command, Option } from 'commander'
import { attest } from './attest.ts'
import { bench } from './bench.ts'
import { buildEnclave, describeImage, pcr, signEnclave } from './eif.ts'
import { describeEnclaves, console as refuseConsole, runEnclave, terminateEnclave } from './enclaves.ts'
import { packageVersion } from './files.ts'
import { explain, failWith } from './output.ts'
import { proxy } from './proxy.ts'
import { up } from './up.ts'
import { verify } from './verify.ts'

const DATA = ['--data <dir>', 'data folder of the host', '.wasmclave'] as const

const program = new Command('wasmclave')
  .description('Run a control plane that its own operator cannot read: a Nitro-style enclave host emulator.')
  .version(packageVersion())
  .showHelpAfterError('(--help shows what there is)')

program
  .command('up')
  .description('a development host in one command: identities, host, workload, proxy')
  .option(...DATA)
  .option('--port <port>', 'port of the gateway, 0 for any', '7443')
  .option('--proxy-port <port>', 'port of the proxy, 0 for any', '7444')
  .option('--workload <name>', 'what to launch: keyvalue, echo or hello', 'keyvalue')
  .option('--plain', 'http instead of https at the proxy')
  .option('--no-launch', 'start the host and launch nothing')
  .option('--json', 'one JSON object a line on stdout')
  .addHelpText('after', '\nExamples:\n  npm start\n  npm start -- --port 0 --proxy-port 0 --data /tmp/host --json')
  .action((options) =>
    up(options.port === '0' && options.proxyPort === '7444' ? { ...options, proxyPort: '0' } : options),
  )

program
  .command('build-enclave')
  .description('an image from a folder with enclave.json and workload.wasm')
  .option('--docker-dir <dir>', 'the folder')
  .option('--docker-uri <uri>', 'refused: wasmclave runs no containers')
  .requiredOption('--output-file <file>', 'where the image goes')
  .option('--signing-certificate <pem>', 'certificate of the pipeline')
  .option('--private-key <pem>', 'its key')
  .option('--name <name>', 'image name in the metadata')
  .option('--version <version>', 'image version in the metadata')
  .option('--metadata <file>', 'custom metadata, JSON of at most 4,096 bytes')
  .addHelpText(
    'after',
    '\nExample:\n  wasmclave build-enclave --docker-dir assembly/workloads/echo --output-file echo.eif',
  )
  .action(buildEnclave)

program
  .command('sign-eif')
  .description('sign an image in its place')
  .requiredOption('--eif-path <file>')
  .requiredOption('--signing-certificate <pem>')
  .requiredOption('--private-key <pem>')
  .action(signEnclave)

program
  .command('describe-eif')
  .description('what an image is')
  .requiredOption('--eif-path <file>')
  .action(describeImage)

program
  .command('pcr')
  .description('the register value of a file, or of a certificate')
  .option('--input <file>')
  .option('--signing-certificate <pem>')
  .action(pcr)

program
  .command('run-enclave')
  .description('launch an image on the running host')
  .option(...DATA)
  .option('--eif-path <file>')
  .option('--memory <MiB>', 'MiB, or with suffix M, G, T')
  .option('--cpu-count <n>')
  .option('--cpu-ids <ids...>')
  .option('--enclave-cid <cid>')
  .option('--enclave-name <name>')
  .option('--launch-grant <file>', "the owner's grant; a development host signs one")
  .option('--config <json>', "nitro-cli's configuration file")
  .addOption(new Option('--debug-mode', 'refused'))
  .addOption(new Option('--attach-console', 'refused'))
  .addHelpText('after', '\nExample:\n  wasmclave run-enclave --eif-path echo.eif --memory 64 --cpu-count 1')
  .action(runEnclave)

program
  .command('describe-enclaves')
  .description('what runs')
  .option(...DATA)
  .option('--metadata')
  .action(describeEnclaves)

program
  .command('terminate-enclave')
  .description('end an enclave, at once')
  .option(...DATA)
  .option('--enclave-id <id>')
  .option('--enclave-name <name>')
  .option('--all')
  .action(terminateEnclave)

program
  .command('console')
  .description('refused: enclaves have none')
  .option(...DATA)
  .option('--enclave-id <id>')
  .option('--enclave-name <name>')
  .option('--disconnect-timeout <s>')
  .action(refuseConsole)

program
  .command('explain')
  .description('what an error code means')
  .requiredOption('--error-code <code>')
  .action(({ errorCode }: { errorCode: string }) => void process.stdout.write(`${explain(errorCode)}\n`))

program
  .command('attest')
  .description('an attestation document of a running enclave')
  .option(...DATA)
  .requiredOption('--enclave-name <name>')
  .option('--nonce <hex>')
  .option('--user-data <hex>', 'goes behind the label of evidence')
  .option('--public-key <file>', 'only for images that declare attestCallerKey, such as echo')
  .option('--records <file>', 'where grant, admission and boot record go')
  .requiredOption('--output <file>', 'where the document goes')
  .action(attest)

const verifyCommand = program
  .command('verify')
  .description("judge an attestation document, ours or AWS's")
  .argument('<document>')
  .requiredOption('--root <pem>', 'the pinned root')
  .option('--nonce <hex>')
  .option('--at <when>', 'now, document, or a time of RFC 3339', 'now')
  .option('--records <file>', 'compare PCR16-18 with these')
  .option('--allow-debug', 'accept zero measurements')
  .addHelpText('after', '\nExample:\n  wasmclave verify doc.cbor --root .wasmclave/nitro-root.pem --pcr0 6d1f…')
for (let index = 0; index < 32; index++)
  verifyCommand.addOption(
    new Option(`--pcr${index} <hex>`, `reference value of PCR${index}`).hideHelp(index > 4 && index !== 8),
  )
verifyCommand.action(verify)

program
  .command('proxy')
  .description('HTTP on loopback for curl and kubectl, over an attested session')
  .option(...DATA)
  .requiredOption('--enclave-name <name>')
  .option('--port <port>', '0 for any', '7444')
  .option('--plain', 'http instead of https')
  .option('--json', 'one JSON object a line on stdout')
  .action(proxy)

program
  .command('bench')
  .description('how fast the encryption core is here, beside node:crypto')
  .option('--quick', 'under a minute, with wider spreads')
  .option('--json <file>', 'the result, for programs')
  .option('--html <file>', 'the result as one page with charts')
  .action(bench)

program.exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
program.parseAsync().catch(failWith)
