/** What npm's complaints mean to somebody who has just cloned the repository. */
const CAUSES = [
  [
    /npm is not on the path/,
    'npm was not found. It comes with Node from https://nodejs.org/en/download; some Linux\n' +
      'distributions package it apart (apt install npm).',
  ],
  [
    /\bE(?:NOTFOUND|AI_AGAIN|CONNREFUSED|CONNRESET|TIMEDOUT|NETUNREACH|HOSTUNREACH|NOTCACHED)\b|ERR_SOCKET_TIMEOUT|network/,
    'the package registry could not be reached. Installing needs the network once; afterwards\n' +
      'everything works offline. Behind a proxy or a mirror, tell npm: npm config set proxy URL,\n' +
      'npm config set registry URL.',
  ],
  [
    /SELF_SIGNED_CERT|UNABLE_TO_(?:GET|VERIFY)|CERT_/,
    "the registry's certificate is not trusted. If a proxy inspects TLS here, give npm its root:\n" +
      'npm config set cafile FILE.',
  ],
  [
    /\bE40[13]\b/,
    'the registry refused the download. Check npm config get registry and its login.',
  ],
  [
    /\bE404\b/,
    'the registry does not have a package that package-lock.json names.\n' +
      'Check npm config get registry: a private mirror may be incomplete.',
  ],
  [
    /\bEUSAGE\b/,
    'package.json and package-lock.json disagree. After editing dependencies run npm install and\n' +
      'commit the lock file.',
  ],
  [
    /\bEINTEGRITY\b/,
    'a downloaded package is not the one that package-lock.json names. Do not work around this:\n' +
      'find out what the registry or a cache in between has changed (npm cache verify).',
  ],
  [/\bE(?:ACCES|PERM|ROFS)\b/, 'node_modules or the npm cache cannot be written by this user.'],
  [/\bENOSPC\b/, 'the disk is full; the dependencies take about 300 MB, the cache 150 MB.'],
]

/** Turns npm's stderr into a cause and the way to go on. */
export function explainNpmFailure(complaint, command) {
  const cause = CAUSES.find(([pattern]) => pattern.test(complaint))?.[1]
  const retry = command === 'test' ? 'npm test' : `npm run ${command}`
  return `installing failed:\n${cause ?? 'npm says why above.'}\nThen run \`${retry}\` again.`
}
