export { createEgress } from './pinned-client.js'
export type {
  Egress,
  EgressErrorType,
  EgressOptions,
  EgressRequest,
  EgressResponse,
  EgressResult,
  KeepAliveLimits,
} from './port.js'
