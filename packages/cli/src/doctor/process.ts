import { type ProcessFacts, VERSION } from '@latchgate/gate'
import { type Check, Section } from './check.js'

/** What the gate needs of the process and of the machine. */
export function checkProcess({ addressSpaceLimit }: ProcessFacts): readonly Check[] {
  const section = new Section('process')
  // `bin/latchgate.js` refuses anything older than 20 before this runs.
  section.ok('node', `Node ${process.versions.node}, latchgate ${VERSION}`)
  if (addressSpaceLimit === null) section.ok('address_space', 'RLIMIT_AS is unlimited')
  else {
    section.error(
      'address_space',
      `RLIMIT_AS is ${addressSpaceLimit} bytes: each WebAssembly memory reserves about 10 GiB`,
      'ulimit -v unlimited',
    )
  }
  return section.checks
}
