export { createSandbox } from './create-sandbox.js'
export { meterProvider } from './meter-provider.js'
export {
  ExecutionAborted,
  type HostHttpRequest,
  type HostHttpResponse,
  type HostReply,
  ModuleRefused,
  type RegisteredModule,
  type Sandbox,
  SandboxBusy,
  type SandboxFailure,
  type SandboxHost,
  type SandboxLimits,
  type SandboxMeasures,
  type SandboxOptions,
  type SandboxOutcome,
  type SandboxTask,
} from './types.js'
