import type { ApprovalReasonBody } from '@latchgate/protocol'

const WORDS: Readonly<Record<string, string>> = {
  risk: 'the risk of the action asks for it',
  unresolved_domain: 'the host is not one that the action lists',
  unresolved_path: 'the path is not one that the action lists',
  sensitive_path: 'the path is sensitive',
  rule: 'a rule of the policy asks for it',
}

/** Why a call is held, in words, with what the policy says of this case (design 6). */
export function holdReasonText({ code, detail }: ApprovalReasonBody): string {
  const words = WORDS[code] ?? code
  return detail === '' || detail === code ? words : `${words}: ${detail}`
}
