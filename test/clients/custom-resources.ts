/**
 * A definition and its objects with kubectl: applied, waited for, explained, shown, changed, selected and removed. Each version has a group of its own,
 * for definitions are the whole cluster's.
 */
import type { Kubectl } from './kubectl.ts'

export async function customResources(kubectl: Kubectl): Promise<void> {
  const group = `${kubectl.namespace}.clients.example`
  const name = `widgets.${group}`
  const definition = kubectl.file('definition.json', widgets(group))
  await kubectl.expect(`apply -f ${definition}`, {
    out: `customresourcedefinition.apiextensions.k8s.io/${name} created\n`,
  })
  await kubectl.expect(`wait --for=condition=Established --timeout=30s crd/${name}`, {
    out: `customresourcedefinition.apiextensions.k8s.io/${name} condition met\n`,
  })
  await kubectl.expect(`apply -f ${definition}`, {
    out: `customresourcedefinition.apiextensions.k8s.io/${name} unchanged\n`,
  })
  await kubectl.expect(`get crd ${name} --no-headers`, { out: new RegExp(`^${name} +20\\S+Z\\n$`) })
  await kubectl.expect(`api-resources --api-group=${group} --no-headers`, {
    out: new RegExp(`^widgets +wd +${group}/v1 +true +Widget\\n$`),
  })
  await kubectl.expect(`explain widgets.${group}.spec`, {
    out: /KIND: +Widget\n[\s\S]*size\t<integer>[\s\S]*How large it is\./,
  })
  await objects(kubectl, group)
  await kubectl.expect(`delete crd ${name}`, { out: /"?widgets\.\S+"? deleted\n$/ })
  await kubectl.expect(`get widgets.${group}`, {
    exit: 1,
    err: /the server doesn't have a resource type|could not find the requested resource/,
  })
}

async function objects(kubectl: Kubectl, group: string): Promise<void> {
  const widget = (name: string, spec: object) =>
    kubectl.file(`${name}.json`, { apiVersion: `${group}/v1`, kind: 'Widget', metadata: { name }, spec })
  const object = (name: string) => `widget.${group}/${name}`
  await kubectl.expect(`create -f ${widget('a', { size: 3 })}`, { out: `${object('a')} created\n` })
  await kubectl.expect(`create -f ${widget('bad', { size: 99 })}`, {
    exit: 1,
    err: /The Widget "bad" is invalid: spec\.size: Invalid value: 99: spec\.size in body should be less than or equal to 10/,
  })
  await kubectl.expect(`create -f ${widget('odd', { size: 1, colour: 'red' })}`, {
    exit: 1,
    err: /strict decoding error: unknown field "spec\.colour"/,
  })
  await kubectl.expect(`get widgets.${group}`, { out: /^NAME +SIZE +READY +AGE\na +3 +\S+\n$/ })
  await kubectl.expect(`get widgets.${group} -o wide`, { out: /^NAME +SIZE +COLOR +READY +AGE\na +3 +blue +\S+\n$/ })
  await kubectl.expect(`get widgets.${group} a -o jsonpath={.spec.color}`, { out: 'blue' })
  const applied = widget('b', { size: 1 })
  await kubectl.expect(`apply -f ${applied}`, { out: `${object('b')} created\n` })
  widget('b', { size: 2 })
  await kubectl.expect(`apply -f ${applied}`, { out: `${object('b')} configured\n` })
  await kubectl.expect(`apply --server-side --field-manager=other --force-conflicts -f ${applied}`, {
    out: `${object('b')} serverside-applied\n`,
  })
  await kubectl.expect(`get widgets.${group} b -o jsonpath={.spec.size}/{.metadata.generation}`, { out: '2/2' })
  if (kubectl.minor >= 24) {
    await kubectl.expect(
      `patch widgets.${group} b --subresource=status --type=merge`,
      { out: /^widget\.\S+\/b patched\n$/ },
      ['-p', JSON.stringify({ status: { conditions: [{ type: 'Ready', status: 'True' }] } })],
    )
    await kubectl.expect(`wait --for=condition=Ready --timeout=30s widgets.${group}/b`, {
      out: `${object('b')} condition met\n`,
    })
  }
  await kubectl.expect(
    `patch widgets.${group} b`,
    { exit: 1, err: /UnsupportedMediaType|application\/merge-patch\+json/ },
    ['--type=strategic', '-p', '{"spec":{"size":3}}'],
  )
  await kubectl.expect(`label widgets.${group} b app=x`, { out: `${object('b')} labeled\n` })
  await kubectl.expect(`get widgets.${group} -l app=x -o name`, { out: `${object('b')}\n` })
  await kubectl.expect(`get ${group.split('.')[0]}s -o name`, { out: `${object('a')}\n${object('b')}\n` })
  await kubectl.expect(`delete widgets.${group} a`, { out: /"?a"? deleted/ })
}

function widgets(group: string): object {
  const column = (name: string, type: string, jsonPath: string, more = {}) => ({ name, type, jsonPath, ...more })
  const spec = {
    type: 'object',
    required: ['size'],
    properties: {
      size: { type: 'integer', minimum: 0, maximum: 10, description: 'How large it is.' },
      color: { type: 'string', default: 'blue' },
    },
  }
  const status = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `widgets.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: { plural: 'widgets', kind: 'Widget', shortNames: ['wd'], categories: [`${group.split('.')[0]}s`] },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: [
            column('Size', 'integer', '.spec.size'),
            column('Color', 'string', '.spec.color', { priority: 1 }),
            column('Ready', 'string', '.status.conditions[?(@.type=="Ready")].status'),
            column('Age', 'date', '.metadata.creationTimestamp'),
          ],
          schema: { openAPIV3Schema: { type: 'object', properties: { spec, status } } },
        },
      ],
    },
  }
}
