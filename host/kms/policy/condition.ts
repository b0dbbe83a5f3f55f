/**
 * A statement's Condition: all of its operators and keys must hold; the values of one key are alternatives. What cannot be compared counts
 * against the caller: an Allow does not match, a Deny does.
 */
import { RefusedError } from '../../errors.ts'
import { type Context, isSupportedKey } from './condition-keys.ts'
import type { StrictJson } from './json.ts'
import { isBool, OPERATORS, type Operator } from './operators.ts'

type Quantifier = 'ForAllValues' | 'ForAnyValue' | undefined

/** One operator over one key. `operator` undefined is Null. */
export type Condition = {
  /** As the policy writes it. */
  name: string
  quantifier: Quantifier
  operator: Operator | undefined
  ifExists: boolean
  key: string
  values: string[]
}

/** `unclear` is the answer where there is none: false for Allow, true for Deny. Reasons go to `warn`. */
export type Doubt = { unclear: boolean; warn: (reason: string) => void }

/** @param variables whether the policy's version has them: here they are refused @throws RefusedError ERR_KMS_POLICY */
export function parseCondition(value: StrictJson, place: string, variables: boolean): Condition[] {
  if (!(value instanceof Map)) throw refused(place, 'it is an object of operators')
  const found: Condition[] = []
  for (const [name, keys] of value) {
    const parsed = parseOperator(name, `${place}.${name}`)
    if (!(keys instanceof Map)) throw refused(`${place}.${name}`, 'an operator has an object of condition keys')
    const seen = new Set<string>()
    for (const [key, wanted] of keys) {
      const at = `${place}.${name}.${key}`
      if (!/^[a-z0-9-]+:./i.test(key)) throw refused(at, 'a condition key has a prefix, such as kms: or aws:')
      if (seen.has(key.toLowerCase())) throw refused(at, 'this key comes twice: their case does not count')
      seen.add(key.toLowerCase())
      const values = textsOf(wanted, at)
      for (const each of values) checkValue(each, parsed.operator, at, variables)
      found.push({ name, ...parsed, key, values })
    }
  }
  return found
}

export function holds(condition: Condition, context: Context, doubt: Doubt): boolean {
  const { operator, key, values } = condition
  const found = context.get(key.toLowerCase()) ?? []
  if (found.length === 0 && !isSupportedKey(key))
    doubt.warn(`condition key ${key} is not supported here and counts as absent`)
  if (operator === undefined) return values.some((wanted) => (wanted.toLowerCase() === 'true') === (found.length === 0))
  if (found.length === 0) return holdsWhenAbsent(condition)
  const each = (value: string) => valueHolds(operator, values, value, key, doubt)
  switch (condition.quantifier) {
    case 'ForAllValues':
      return found.every(each)
    case 'ForAnyValue':
      return found.some(each)
    case undefined:
      if (found.length === 1) return each(found[0] as string)
      doubt.warn(
        `${key} has ${found.length} values in this request and ${condition.name} compares one: use ForAnyValue:`,
      )
      return doubt.unclear
  }
}

function holdsWhenAbsent({ quantifier, operator, ifExists }: Condition): boolean {
  if (ifExists || quantifier === 'ForAllValues') return true
  return quantifier === undefined && (operator as Operator).negated
}

function valueHolds(operator: Operator, values: string[], found: string, key: string, doubt: Doubt): boolean {
  let matched = false
  for (const wanted of values) {
    const result = operator.compare(wanted, found)
    if (result === undefined) {
      doubt.warn(`${key} is ${found.slice(0, 60)} in this request, which is not ${operator.expects}`)
      return doubt.unclear
    }
    matched ||= result
  }
  return matched !== operator.negated
}

function parseOperator(name: string, place: string): Pick<Condition, 'quantifier' | 'operator' | 'ifExists'> {
  const [, quantifier, base, ifExists] = /^(?:(ForAllValues|ForAnyValue):)?([A-Za-z]+?)(IfExists)?$/.exec(name) ?? []
  if (base === 'Null') {
    if (quantifier !== undefined || ifExists !== undefined) throw refused(place, 'Null stands by itself')
    return { quantifier: undefined, operator: undefined, ifExists: false }
  }
  const operator = OPERATORS.get(base ?? '')
  if (operator === undefined) throw refused(place, `there is no operator ${name}`)
  return { quantifier: quantifier as Quantifier, operator, ifExists: ifExists !== undefined }
}

function textsOf(value: StrictJson, place: string): string[] {
  const list = Array.isArray(value) ? value : [value]
  if (list.length === 0) throw refused(place, 'a list without values never holds')
  return list.map((each) => {
    if (typeof each !== 'string' && typeof each !== 'number' && typeof each !== 'boolean')
      throw refused(place, 'a value is a text, a number, true or false')
    return String(each)
  })
}

function checkValue(value: string, operator: Operator | undefined, place: string, variables: boolean): void {
  if (operator === undefined) {
    if (!isBool(value)) throw refused(place, `${value} where Null expects true or false`)
    return
  }
  if (variables && operator.textual && value.includes('${'))
    throw refused(place, `${value}: policy variables are not supported; name the value itself`)
  if (!operator.accepts(value)) throw refused(place, `${value} is not ${operator.expects}`)
}

function refused(place: string, reason: string): RefusedError {
  return new RefusedError('ERR_KMS_POLICY', `${place}: ${reason}`)
}
