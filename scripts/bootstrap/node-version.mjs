// Parsed by any Node that knows modules: nothing newer than ES2018 here.

const HOW_TO_GET_IT =
  'Get a current one from https://nodejs.org/en/download or with a version manager\n' +
  '(nvm install 24, fnm install 24, volta install node@24), then run the command again.'

/** Advice for a Node that cannot run LatchGate at all, or null. */
export function adviceFor(version) {
  if (numbers(version)[0] >= 20) return null
  return `LatchGate needs Node 20 or newer; this is Node ${version}.\n${HOW_TO_GET_IT}`
}

/**
 * Advice for a Node whose npm leaves out the test tools' binaries (they declare
 * ^20.19 || >=22.12), or null. The gate and the demo run there all the same.
 */
export function toolsAdviceFor(version) {
  const [major, minor] = numbers(version)
  const enough = (major === 20 && minor >= 19) || (major === 22 && minor >= 12) || major > 22
  if (enough) return null
  return `The test and lint tools need Node 20.19, 22.12 or newer; this is Node ${version}.
\`npm run demo\` works on it. ${HOW_TO_GET_IT}`
}

function numbers(version) {
  return version.split('.').map(Number)
}
