// Everything `npm run …` does goes through here: check, install, build, run.
// This file must still parse on an old Node, or its user reads a SyntaxError instead of advice.
import('./bootstrap/node-version.mjs')
  .then((node) => {
    const advice = node.adviceFor(process.versions.node)
    if (advice !== null) {
      console.error(advice)
      return 1
    }
    return import('./bootstrap/main.mjs').then((main) => main.main(process.argv.slice(2)))
  })
  .then(
    (exitCode) => {
      process.exitCode = exitCode
    },
    (error) => {
      console.error(error)
      process.exitCode = 1
    },
  )
