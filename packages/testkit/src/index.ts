export {
  type FaultAction,
  FaultPoints,
  InjectedFault,
  type Killed,
  killAt,
} from './fault-points.js'
export {
  bomb,
  type Coding,
  closeAfterAnswer,
  compressed,
  drip,
  type EchoForm,
  echo,
  endlessBody,
  giantHeaders,
  neverAnswers,
  rawAnswer,
  redirect,
  resetAfterHeaders,
  resetBeforeAnswer,
  resetMidBody,
  slowHeaders,
  wrongContentLength,
} from './hostile-answers.js'
export { type LoopbackEndpoint, loopbackOnly } from './loopback-only.js'
export { ManualClock } from './manual-clock.js'
export {
  PseudoTerminal,
  type TerminalEnd,
  type TerminalProgram,
  type TerminalSize,
} from './pseudo-terminal.js'
export { type RawUpstream, type RawUpstreamOptions, startRawUpstream } from './raw-upstream.js'
export type { RecordedRequest } from './recorded-request.js'
export { startUpstream, type Upstream, type UpstreamOptions } from './recording-upstream.js'
export { type SqliteFault, sqliteFaultAt } from './sqlite-fault.js'
export { type TempDir, tempDir } from './temp-dir.js'
export { TerminalScreen } from './terminal-screen.js'
export { createTestCa, type LeafOptions, type TestCa, type TestLeaf } from './test-ca.js'
export type { Answer, UpstreamHandler, Wire } from './upstream-answer.js'
