/** Moments at which a crash test ends the process. */
export type FaultPoint =
  | 'before-intent-commit'
  | 'after-intent-commit'
  | 'before-seal-commit'
  | 'after-seal-commit'

/**
 * Ends the process with SIGKILL when `LATCHGATE_FAULT_POINT` names this moment. Without that
 * variable it does nothing. For crash tests: whoever can set the gate's environment can stop the
 * gate anyway.
 */
export function faultPoint(name: FaultPoint): void {
  if (process.env['LATCHGATE_FAULT_POINT'] === name) process.kill(process.pid, 'SIGKILL')
}
