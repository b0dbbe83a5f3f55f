/** The command line: nitro-cli's verbs with its flags, and wasmclave's own beside them. One file a verb or a family of verbs. */
import { Command, Option } from 'commander'
import { packageVersion } from './files.ts'
import { explain, failWith } from './output.ts'

const DATA = ['--data <dir>', 'data folder of the host', '.wasmclave'] as const

const METRICS = [
  '--metrics-port <port>',
  'serve counters for Prometheus on 127.0.0.1, 0 for any; off by default',
] as const
const STORE_HELP = 'what keeps the stores: lmdb, etcd://HOST:PORT,HOST:PORT, or a JSON file with settings'

/** A verb's file is read when the verb is called: most of a start would be files that it does not need. */
const later =
  <Name extends string>(load: () => Promise<Record<Name, (...args: never[]) => unknown>>, name: Name) =>
  async (...given: unknown[]): Promise<void> => {
    const verbs = await load()
    await (verbs[name] as (...args: unknown[]) => unknown)(...given)
  }

/** Every verb shows how it is called; lines have 100 columns at most. */
const examples = (...lines: string[]) =>
  `\nExample${lines.length > 1 ? 's' : ''}:\n${lines.map((line) => `  ${line}`).join('\n')}`

const program = new Command('wasmclave')
  .description('Run a control plane that its own operator cannot read: a Nitro-style enclave host emulator.')
  .version(packageVersion())
  // Options belong to the verb that they stand behind: --version would be the program's, behind a verb too.
  .enablePositionalOptions()
  .showHelpAfterError('(--help shows what there is)')
  // Before the verbs, which inherit it: clap, and so nitro-cli, ends with 2 where arguments do not parse.
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))

program
  .command('up')
  .description('a development host in one command: identities, host, workload, proxy')
  .option(...DATA)
  .option('--port <port>', 'port of the gateway, 0 for any', '7443')
  .option('--proxy-port <port>', 'port of the proxy, 0 for any', '7444')
  .option('--kms-port <port>', 'port of the KMS, 0 for any', '7445')
  .option(
    '--kms-document-age <seconds>',
    'how old evidence for the KMS may be (AWS documents no value), or leaf: as its certificate',
    '300',
  )
  .option('--workload <name>', 'what to launch: kubernetes, keyvalue, kms-provider, echo or hello', 'kubernetes')
  .option('--store <where>', STORE_HELP, 'lmdb')
  .option(...METRICS)
  .option('--plain', 'http instead of https at the proxy')
  .option('--no-launch', 'start the host and launch nothing')
  .option('--clock <offset>', 'shift the clock of NSM and KMS: +4h, -90s, or frozen:2026-01-02T03:04:05Z')
  .option('--json', 'one JSON object a line on stdout')
  .addHelpText(
    'after',
    examples(
      'npm start',
      'npm start -- --workload keyvalue',
      'npm start -- --port 0 --proxy-port 0 --data /tmp/host --json',
    ),
  )
  .action((options) =>
    later(
      () => import('./up.ts'),
      'up',
    )(
      options.port === '0'
        ? {
            ...options,
            proxyPort: options.proxyPort === '7444' ? '0' : options.proxyPort,
            kmsPort: options.kmsPort === '7445' ? '0' : options.kmsPort,
          }
        : options,
    ),
  )

program
  .command('host')
  .description('the host alone: no launch, no proxy; enclaves come by signed requests')
  .option(...DATA)
  .option('--port <port>', 'port of the gateway, 0 for any', '7443')
  .option('--kms-port <port>', 'port of the KMS, 0 for any', '7445')
  .option(
    '--kms-document-age <seconds>',
    'how old evidence for the KMS may be (AWS documents no value), or leaf: as its certificate',
    '300',
  )
  .option('--store <where>', STORE_HELP, 'lmdb')
  .option(...METRICS)
  .option('--development', 'make development identities and a genesis where there are none')
  .option('--json', 'one JSON object a line on stdout')
  .addHelpText('after', examples('wasmclave host --development', 'wasmclave host --data /srv/host --port 0 --json'))
  .action((options) =>
    later(
      () => import('./host.ts'),
      'host',
    )(options.port === '0' && options.kmsPort === '7445' ? { ...options, kmsPort: '0' } : options),
  )

program
  .command('grant')
  .description("the owner's word on what may run: make and sign one, or show a chain")
  .option(...DATA)
  .option('--eif-path <file>', 'signed image: names the workload, and its pipeline (PCR8) may release')
  .option('--pin', 'exactly the image of --eif-path, not its pipeline')
  .option('--pcr8 <hex>', 'the pipeline that may release')
  .option('--pins <pcr0,pcr1,pcr2...>', 'exactly these images')
  .option('--enclave-name <name>', 'the enclave that it is for')
  .option('--workload-name <name>', 'where no image names it')
  .option('--tenant <name>')
  .option('--min-security-version <n>', 'no image below it')
  .option('--owners <hex...>', 'Ed25519 keys of the owners from this version on; the signer alone by default')
  .option('--owner-key <pem>', 'who signs; DIR/customer/owner.key by default')
  .option('--previous <file>', 'the chain that this version is appended to')
  .option('--output <file>', 'where the chain goes')
  .option('--show <file>', 'verify and print a chain')
  .addHelpText(
    'after',
    examples(
      'wasmclave grant --eif-path echo.eif --enclave-name echo --output echo.grant',
      'wasmclave grant --previous echo.grant --eif-path echo.eif --pin --output echo-2.grant',
      'wasmclave grant --show echo-2.grant',
    ),
  )
  .action(later(() => import('./grant.ts'), 'grant'))

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
  .addHelpText('after', examples('wasmclave build-enclave --docker-dir assembly/workloads/echo --output-file echo.eif'))
  .action(later(() => import('./eif.ts'), 'buildEnclave'))

program
  .command('sign-eif')
  .description('sign an image in its place')
  .requiredOption('--eif-path <file>')
  .requiredOption('--signing-certificate <pem>')
  .requiredOption('--private-key <pem>')
  .addHelpText(
    'after',
    examples('wasmclave sign-eif --eif-path echo.eif --signing-certificate cert.pem --private-key key.pem'),
  )
  .action(later(() => import('./eif.ts'), 'signEnclave'))

program
  .command('describe-eif')
  .description('what an image is')
  .requiredOption('--eif-path <file>')
  .addHelpText('after', examples('wasmclave describe-eif --eif-path echo.eif'))
  .action(later(() => import('./eif.ts'), 'describeImage'))

program
  .command('pcr')
  .description('the register value of a file, or of a certificate')
  .option('--input <file>')
  .option('--signing-certificate <pem>')
  .addHelpText('after', examples('wasmclave pcr --input workload.wasm', 'wasmclave pcr --signing-certificate cert.pem'))
  .action(later(() => import('./eif.ts'), 'pcr'))

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
  .option('--release <file>', "the pipeline's envelope; a development host releases what its own pipeline signed")
  .option('--config <json>', "nitro-cli's configuration file")
  .addOption(new Option('--debug-mode', 'refused'))
  .addOption(new Option('--attach-console', 'refused'))
  .addHelpText(
    'after',
    examples(
      'wasmclave run-enclave --eif-path echo.eif --memory 64 --cpu-count 1',
      'wasmclave run-enclave --eif-path echo.eif --memory 64 --launch-grant echo.grant',
      'wasmclave run-enclave --config enclave.json',
    ),
  )
  .action(later(() => import('./enclaves.ts'), 'runEnclave'))

program
  .command('describe-enclaves')
  .description('what runs')
  .option(...DATA)
  .option('--metadata')
  .addHelpText('after', examples('wasmclave describe-enclaves --metadata'))
  .action(later(() => import('./enclaves.ts'), 'describeEnclaves'))

program
  .command('terminate-enclave')
  .description('end an enclave, at once')
  .option(...DATA)
  .option('--enclave-id <id>')
  .option('--enclave-name <name>')
  .option('--all')
  .addHelpText(
    'after',
    examples('wasmclave terminate-enclave --enclave-name echo', 'wasmclave terminate-enclave --all'),
  )
  .action(later(() => import('./enclaves.ts'), 'terminateEnclave'))

program
  .command('audit')
  .description('what was asked of your enclave and its host, by whom, and what came of it: every entry proven')
  .option(...DATA)
  .option('--enclave-name <name>', 'required; host alone for what concerns all')
  .option('--launch-grant <file>', 'your grant, which names the log; DIR/customer/NAME.grant by default')
  .option('--owner-key <file>', 'who asks; DIR/customer/owner.key by default')
  .option('--auditor', "ask as the development host's auditor")
  .option('--follow', 'go on, with what comes')
  .option('--json', 'one JSON object a line')
  .option('--kubernetes', 'instead: what was asked of the Kubernetes API inside, as the enclave wrote it down')
  .option('--output <file>', 'with --kubernetes: a copy, made or gone on with')
  .option('--since <event>', 'with --kubernetes: show what came behind this event')
  .option('--offline', 'with --kubernetes: verify the copy alone')
  .addHelpText(
    'after',
    examples(
      'wasmclave audit --enclave-name keyvalue',
      'wasmclave audit --enclave-name keyvalue --follow --json',
      'wasmclave audit --kubernetes --output kubernetes.audit',
    ),
  )
  .action((options) =>
    options.kubernetes
      ? later(() => import('./audit-kubernetes.ts'), 'auditKubernetes')(options)
      : later(() => import('./audit.ts'), 'audit')(options),
  )

program
  .command('console')
  .description('refused: enclaves have none')
  .option(...DATA)
  .option('--enclave-id <id>')
  .option('--enclave-name <name>')
  .option('--disconnect-timeout <s>')
  .addHelpText('after', examples('wasmclave console --enclave-name echo   # exit code 44'))
  .action(later(() => import('./enclaves.ts'), 'console'))

program
  .command('explain')
  .description('what an error code means')
  .requiredOption('--error-code <code>')
  .addHelpText('after', examples('wasmclave explain --error-code E26'))
  .action(({ errorCode }: { errorCode: string }) => void process.stdout.write(`${explain(errorCode)}\n`))

const attestCommand = program
  .command('attest')
  .enablePositionalOptions()
  .description('an attestation document of a running enclave')
  .option(...DATA)
  .option('--enclave-name <name>', 'required')
  .option('--nonce <hex>')
  .option('--user-data <hex>', 'goes behind the label of evidence')
  .option('--public-key <file>', 'only for images that declare attestCallerKey, such as echo')
  .option('--records <file>', 'where grant, admission and boot record go')
  .option('--bundle <file>', 'where all that "verify --bundle" wants goes')
  .option('--reference-values <file>', 'for the bundle: what "release sign" wrote')
  .option('--output <file>', 'where the document goes; required')
  .addHelpText('after', examples('wasmclave attest --enclave-name keyvalue --nonce 00ff --output doc.cbor'))
  .action(later(() => import('./attest.ts'), 'attest'))
attestCommand
  .command('bad-documents')
  .description('wrong documents, one fault each, and what a verifier must make of them')
  .requiredOption('--output <dir>', 'an empty folder, or one to be made')
  .addHelpText('after', '\nExample:\n  wasmclave attest bad-documents --output bad')
  .action(later(() => import('./bad-documents.ts'), 'badDocuments'))

const verifyCommand = program
  .command('verify')
  .description("judge an attestation document, ours or AWS's")
  .argument('[document]')
  .requiredOption('--root <pem>', 'the pinned root')
  .option('--nonce <hex>')
  .option('--at <when>', 'now, document, or a time of RFC 3339', 'now')
  .option('--records <file>', 'compare PCR16-18 with these')
  .option('--min-isolation <layers>', 'layers that must hold, with commas between (wants --records)')
  .option('--allow-debug', 'accept zero measurements')
  .option('--bundle <file>', 'document, records, policies and reference values in one, offline')
  .option('--signing-certificate <pem>', 'with --bundle: the pipeline whose reference values count')
  .option('--owner <hex>', 'with --bundle: the owner, by its first key')
  .addHelpText('after', examples('wasmclave verify doc.cbor --root .wasmclave/nitro-root.pem --pcr0 6d1f…'))
for (let index = 0; index < 32; index++)
  verifyCommand.addOption(
    new Option(`--pcr${index} <hex>`, `reference value of PCR${index}`).hideHelp(index > 4 && index !== 8),
  )
verifyCommand.action(later(() => import('./verify.ts'), 'verify'))

program
  .command('proxy')
  .description('HTTP on loopback for curl and kubectl, over an attested session')
  .option(...DATA)
  .requiredOption('--enclave-name <name>')
  .option('--port <port>', '0 for any', '7444')
  .option('--plain', 'http instead of https')
  .option('--kubeconfig <file>', 'write a kubeconfig for this proxy')
  .option('--identity <file>', "key of an enrolled user that opens the sessions, PEM; the owner's if none is given")
  .option('--json', 'one JSON object a line on stdout')
  .addHelpText('after', examples('wasmclave proxy --enclave-name keyvalue --port 0 --json'))
  .action(later(() => import('./proxy.ts'), 'proxy'))

program
  .command('claims')
  .description('try to falsify the eight statements of zero operator access, on a live host')
  .option('--data <dir>', 'data folder of a running host; without it, one is started for the inquiry')
  .option('--enclave-name <name>', 'where the canary is planted; the workload by default')
  .option('--workload <name>', 'what a host of its own runs', 'keyvalue')
  .option('--only <numbers...>', 'these statements alone')
  .option('--verbose', 'each attempt as it is made')
  .option('--json', 'the findings, for programs')
  .option('--html <file>', 'a report with the evidence, such as one hands to an auditor')
  .addHelpText(
    'after',
    examples(
      'wasmclave claims',
      'wasmclave claims --data .wasmclave --html claims.html',
      'wasmclave claims --only 1 7',
    ),
  )
  .action(later(() => import('./claims.ts'), 'claims'))

program
  .command('doctor')
  .description('what holds on this machine and what it lacks, in plain words')
  .option('--json', 'findings as JSON')
  .addHelpText('after', examples('wasmclave doctor', 'wasmclave doctor --json'))
  .action(later(() => import('./doctor.ts'), 'doctor'))

program
  .command('bench')
  .description('how fast the encryption core is here, beside node:crypto')
  .option('--quick', 'under a minute, with wider spreads')
  .option('--json <file>', 'the result, for programs')
  .option('--html <file>', 'the result as one page with charts')
  .addHelpText('after', examples('wasmclave bench --quick', 'wasmclave bench --html figures.html'))
  .action(later(() => import('./bench.ts'), 'bench'))

await family('admin', 'ask the host, by signed requests that are logged before they take effect', async (admin) => {
  const [requests, proposals] = await Promise.all([import('./admin.ts'), import('./admin-proposals.ts')])
  requests.addAdminVerbs(admin)
  proposals.addProposalVerbs(admin)
})
await family('kms', "the host's AWS KMS: keys, policies, and any of its operations", async (kms) =>
  (await import('./kms.ts')).addKmsVerbs(kms),
)
await family('kms-plugin', 'KMS v2 for kube-apiserver (1.32 and later), its keys in an enclave', async (plugin) =>
  (await import('./kms-plugin.ts')).addKmsPluginVerbs(plugin),
)
await family('release', 'build, test, sign, publish and verify what may run', async (release) =>
  (await import('./release.ts')).addReleaseVerbs(release),
)
await family(
  'store',
  "an enclave's store: whether it is the newest, and the owner's decision where nobody knows",
  async (store) => (await import('./store.ts')).addStoreVerbs(store),
)
program
  .command('backup')
  .description("an enclave's store as a file, while it is served; sealed as it lies there")
  .option(...DATA)
  .requiredOption('--enclave-name <name>')
  .requiredOption('--output <file>')
  .addHelpText('after', examples('wasmclave backup --enclave-name keyvalue --output keyvalue.backup'))
  .action(later(() => import('./backup.ts'), 'backup'))
program
  .command('restore')
  .description('a backup in the place of a store that nobody uses: stale, until its owner accepts it')
  .option(...DATA)
  .argument('<file>')
  .addHelpText('after', examples('wasmclave restore keyvalue.backup'))
  .action(later(() => import('./backup.ts'), 'restore'))

program.parseAsync().catch(failWith)

/** Verbs of one subject: only where it is named are they read and added. */
async function family(name: string, description: string, add: (command: Command) => Promise<void>): Promise<void> {
  const command = program.command(name).description(description)
  if (process.argv.slice(2).includes(name)) await add(command)
}
