// What the server says it is: the release of Kubernetes whose behaviour clients may expect. kubectl chooses by it, and helm compares it.

export const MAJOR = '1'
export const MINOR = '35'
/** SemVer: what is behind the plus takes no part in comparisons. */
export const GIT_VERSION = 'v1.35.0+wasmclave'
/** The same without, of the length that the constant in openapi-v2.ts counts on. */
export const PLAIN_VERSION = 'v1.35.0'

/** version.Info of apimachinery. Builds are reproducible: none of it is a date or a machine. */
export const VERSION_TEXT =
  '{"major":"' + MAJOR + '","minor":"' + MINOR + '","gitVersion":"' + GIT_VERSION + '","gitCommit":"","gitTreeState":"clean",' +
  '"buildDate":"1970-01-01T00:00:00Z","goVersion":"none","compiler":"asc","platform":"wasmclave/wasm32"}\n'
