import type { Manifest } from './manifest.js'
import type { Problems } from './problems.js'

/** The risk model's requirements (actions spec 2.9, design 8 Verifier). */
export function checkRisk(manifest: Manifest, problems: Problems): void {
  const { risk_level, verifier, io } = manifest
  checkEffects(manifest, problems)
  if (risk_level !== 'high' && risk_level !== 'critical') return
  const which = `an action of ${risk_level} risk`
  if (verifier.kind === 'none') {
    problems.report('verifier_kind', `${which} must declare a verifier_kind`, 'use http_status')
  }
  if (io.response_schema === undefined) {
    const fix = 'declare the document {ok, data: {status_code, headers, body, url}}'
    problems.report('io.response_schema', `${which} must declare io.response_schema`, fix)
  }
  const named = verifier.expected_status.length + verifier.required_fields.length > 0
  if (isWrite(manifest) && !named) {
    const problem = `a write of ${risk_level} risk must say what shows that it happened`
    const fix = 'set verification_config.expected_status or verification_config.required_fields'
    problems.report('verification_config.required_fields', problem, fix)
  }
}

/** True unless every declared effect is a read; without any, the method decides. */
export function isWrite({ declared_side_effects, template }: Manifest): boolean {
  if (declared_side_effects.length > 0) {
    return declared_side_effects.some((effect) => !effect.endsWith('_read'))
  }
  return template !== null && !['GET', 'HEAD', 'OPTIONS'].includes(template.method)
}

function checkEffects({ template, declared_side_effects }: Manifest, problems: Problems): void {
  if (template === null) return
  const key = 'declared_side_effects'
  if (declared_side_effects.length === 0) {
    const problem = 'an action with a template has an effect: without a label no ACL can refuse it'
    problems.report(key, problem, 'use http_read, http_write or http_delete')
  }
  if (template.method !== 'DELETE' || declared_side_effects.includes('http_delete')) return
  if (declared_side_effects.length === 0) return
  problems.report(key, 'a DELETE request must declare http_delete', 'add http_delete')
}
