/** How long to wait for a first download: less when attempts fail than when nothing comes back. */
const GIVE_UP_AFTER_MS = { failing: 15_000, silent: 60_000 }

/**
 * Reads what `npm ci --loglevel=http` writes to stderr, line by line: counts what arrives, passes
 * errors on, notices a registry that does not answer at all. npm alone would be silent for as long
 * as it retries each of the packages.
 */
export class NpmProgress {
  #begun = Date.now()
  #rest = ''
  #fetched = 0
  #failure = null
  #say
  #complaint = ''

  constructor(say) {
    this.#say = say
  }

  /** Takes a piece of npm's stderr; returns what of it a person should see. */
  read(text) {
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop()
    return lines
      .filter((line) => this.#isForPeople(line))
      .map((line) => `${line}\n`)
      .join('')
  }

  /** True once it is plain that there is no registry to wait for. */
  get hopeless() {
    if (this.#fetched > 0) return false
    const patience = this.#failure === null ? GIVE_UP_AFTER_MS.silent : GIVE_UP_AFTER_MS.failing
    return Date.now() - this.#begun >= patience
  }

  /** Everything worth explaining, for `explainNpmFailure`. */
  get complaint() {
    return this.hopeless ? `${this.#complaint}ETIMEDOUT\n` : this.#complaint
  }

  /** How far the download is, in words. */
  get words() {
    if (this.#fetched === 0 && this.#failure !== null) return `no answer yet: ${this.#failure}`
    return `${this.#fetched} downloads so far`
  }

  #isForPeople(line) {
    if (/^npm http fetch \S+ 200 /.test(line)) this.#fetched += 1
    const failed = /^npm http fetch \S+ (\S+) attempt \d+ failed with (\w+)/.exec(line)
    if (failed !== null) this.#noteFailure(failed[1], failed[2])
    if (/^npm (?:http|warn|notice)\b/.test(line)) return false
    this.#complaint += `${line}\n`
    // npm prints the stack of its own code and the error's members: that helps nobody here.
    return !/^npm error(?: {3,}|\s*\}?$)/.test(line)
  }

  #noteFailure(url, code) {
    if (this.#failure === null) {
      this.#say(`${new URL(url).origin} does not answer (${code}); npm tries again`)
    }
    this.#failure = code
    if (this.#fetched === 0) this.#complaint += `${code}\n`
  }
}
