/** `wasmclave release …`: the pipeline, step by step. Each step reads what the one before wrote, and refuses what that one did not. */
import type { Command } from 'commander'
import { buildEnclave } from './eif.ts'
import { DEFAULT_BUILDER } from './release-image.ts'
import { publishRelease } from './release-publish.ts'
import { signReleaseFiles } from './release-sign.ts'
import { testRelease } from './release-test.ts'
import { verifyRelease } from './release-verify.ts'

export function addReleaseVerbs(release: Command): void {
  release
    .enablePositionalOptions()
    .addHelpText(
      'after',
      '\nExamples:\n  wasmclave release build --docker-dir assembly/workloads/keyvalue --output-file keyvalue.eif\n  wasmclave release test --eif-path keyvalue.eif',
    )
  const examples = (...lines: string[]) =>
    `\nExample${lines.length > 1 ? 's' : ''}:\n${lines.map((l) => `  ${l}`).join('\n')}`

  release
    .command('build')
    .description('an image from a folder: same folder, same bytes')
    .requiredOption('--docker-dir <dir>', 'the folder with enclave.json and workload.wasm')
    .requiredOption('--output-file <file>', 'where the image goes')
    .option('--name <name>', 'image name in the metadata')
    .option('--version <version>', 'image version in the metadata')
    .addHelpText(
      'after',
      examples('wasmclave release build --docker-dir assembly/workloads/keyvalue --output-file keyvalue.eif'),
    )
    .action(buildEnclave)

  release
    .command('test')
    .description('the suite of the pipeline, and a command, on exactly this image')
    .requiredOption('--eif-path <file>')
    .option('--output <file>', 'the statement; FILE.test-result.json by default')
    .option('--timeout <seconds>', 'how long the command may take', '600')
    .argument('[command...]', 'what tests it; {eif} and $WASMCLAVE_EIF are the path of the image')
    .passThroughOptions()
    .addHelpText(
      'after',
      examples(
        'wasmclave release test --eif-path keyvalue.eif',
        'wasmclave release test --eif-path keyvalue.eif -- node suite.mjs {eif}',
      ),
    )
    .action(testRelease)

  release
    .command('sign')
    .description('the word of the pipeline on an image whose tests passed')
    .requiredOption('--eif-path <file>', 'signed in its place; release and reference values go beside it')
    .requiredOption('--test-result <file>', 'what "release test" wrote')
    .requiredOption('--signing-certificate <pem>', 'certificate of the pipeline')
    .requiredOption('--private-key <pem>', 'its key')
    .option('--builder <uri>', 'who built', DEFAULT_BUILDER)
    .option('--source <uri>', 'where the source is, with --commit')
    .option('--commit <hex>', 'its commit')
    .addHelpText(
      'after',
      examples(
        'wasmclave release sign --eif-path keyvalue.eif --test-result keyvalue.test-result.json \\\n    --signing-certificate cert.pem --private-key key.pem',
      ),
    )
    .action(signReleaseFiles)

  release
    .command('publish')
    .description('a signed release into a folder that others read: verified first, whole or not at all')
    .requiredOption('--eif-path <file>', 'the signed image')
    .requiredOption('--signing-certificate <pem>', 'the pipeline that is trusted')
    .requiredOption('--to <dir>', 'the folder: WORKLOAD/VERSION/, and _digests/ by digest of the release')
    .option('--release <file>', 'the envelope; FILE.release.json by default')
    .option('--reference-values <file>', 'FILE.reference.json by default')
    .addHelpText(
      'after',
      `\nA version stays as it was first published: the same files again change nothing, others are refused.\n${examples(
        'wasmclave release publish --eif-path keyvalue.eif --signing-certificate cert.pem --to published',
        'wasmclave release verify --eif-path published/keyvalue/1.0.0/image.eif \\\n    --signing-certificate cert.pem',
        'wasmclave run-enclave --eif-path published/keyvalue/1.0.0/image.eif --memory 64 \\\n    --release published/keyvalue/1.0.0/release.json',
      )}`,
    )
    .action(publishRelease)

  release
    .command('verify')
    .description('whether an image is of a release, and whether it builds again')
    .requiredOption('--eif-path <file>')
    .requiredOption('--signing-certificate <pem>', 'the pipeline that is trusted')
    .option('--release <file>', 'the envelope; by default FILE.release.json, or what is published beside it')
    .option('--reference-values <file>', 'whether they are of this release, too')
    .option('--docker-dir <dir>', 'build again from here, and compare')
    .option('--commit <hex>', 'the commit that it must be built from')
    .addHelpText(
      'after',
      examples(
        'wasmclave release verify --eif-path keyvalue.eif --signing-certificate cert.pem \\\n    --docker-dir assembly/workloads/keyvalue',
      ),
    )
    .action(verifyRelease)
}
