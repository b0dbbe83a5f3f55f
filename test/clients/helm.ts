/** helm 4, from install to uninstall, of a chart made here: objects by server-side apply, releases in Secrets by protobuf. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { Kubectl } from './kubectl.ts'
import type { Tally } from './tally.ts'

const TEMPLATE = `apiVersion: v1
kind: ConfigMap
metadata: {name: "{{ .Release.Name }}-config", labels: {app: "{{ .Chart.Name }}"}}
data:
  greeting: "{{ .Values.greeting }}"
{{- if .Values.extra }}
  extra: "{{ .Values.extra }}"
{{- end }}
---
apiVersion: v1
kind: Secret
metadata: {name: "{{ .Release.Name }}-secret"}
stringData: {password: "{{ .Values.password }}"}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: "{{ .Release.Name }}-robot"}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: "{{ .Release.Name }}-reader"}
rules: [{apiGroups: [""], resources: [configmaps], verbs: [get, list]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: "{{ .Release.Name }}-reader"}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: "{{ .Release.Name }}-reader"}
subjects: [{kind: ServiceAccount, name: "{{ .Release.Name }}-robot", namespace: "{{ .Release.Namespace }}"}]
`

export async function helmSuite(
  helm: string,
  kubectl: string,
  kubeconfig: string,
  folder: string,
  tally: Tally,
): Promise<void> {
  const helmed = new Kubectl('helm', helm, kubeconfig, folder, tally)
  const asking = new Kubectl('helm', kubectl, kubeconfig, folder, tally)
  const { namespace } = helmed
  const chart = join(helmed.folder, 'chart')
  mkdirSync(join(chart, 'templates'), { recursive: true })
  helmed.file('chart/Chart.yaml', 'apiVersion: v2\nname: greeter\nversion: 0.1.0\n')
  helmed.file('chart/values.yaml', 'greeting: hello\npassword: canary\nextra: ""\n')
  helmed.file('chart/templates/all.yaml', TEMPLATE)
  const data = (wanted: string) => asking.expect('get configmap r-config -o jsonpath={.data}', { out: wanted })

  await helmed.expect(`install r ${chart} --create-namespace`, { out: /STATUS: deployed\nREVISION: 1\n/ })
  await data('{"greeting":"hello"}')
  await asking.expect('get secret r-secret -o jsonpath={.data.password}', { out: 'Y2FuYXJ5' })
  await asking.expect('get serviceaccount r-robot -o name', { out: 'serviceaccount/r-robot\n' })
  await asking.expect('get rolebinding r-reader -o jsonpath={.roleRef.name}/{.subjects[*].name}', {
    out: 'r-reader/r-robot',
  })
  await asking.expect('get secrets -l owner=helm,name=r -o jsonpath={.items[*].type}', { out: 'helm.sh/release.v1' })
  await asking.expect('get configmap r-config -o jsonpath={.metadata.managedFields[*].manager}', { out: 'helm' })
  await helmed.expect(`install r ${chart}`, { exit: 1, err: /cannot reuse a name that is still in use/ })
  await helmed.expect('list --short', { out: 'r\n' })
  await helmed.expect(`upgrade r ${chart} --set greeting=hi,extra=more`, { out: /REVISION: 2\n/ })
  await data('{"extra":"more","greeting":"hi"}')
  await helmed.expect(`upgrade r ${chart} --set greeting=hi --dry-run=server`, { out: /pending-upgrade/ })
  await helmed.expect('history r --max 5', { out: /1 .*superseded.*\n2 .*deployed/ })
  await helmed.expect('rollback r 1', { out: /Rollback was a success/ })
  await data('{"greeting":"hello"}')
  await helmed.expect('status r', { out: /STATUS: deployed\nREVISION: 3\n/ })
  await helmed.expect('get manifest r', { out: /name: "r-config"/ })
  await helmed.expect('uninstall r', { out: 'release "r" uninstalled\n' })
  await asking.expect('get configmap,secret,serviceaccount,role,rolebinding -o name', {
    out: 'configmap/kube-root-ca.crt\nserviceaccount/default\n',
  })
  await helmed.expect('list --short', { out: /^\n?$/ })
  await asking.expect(`delete namespace ${namespace} --timeout=40s`, { out: /deleted/ })
}
