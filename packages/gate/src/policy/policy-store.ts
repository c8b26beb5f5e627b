import { readFileSync, realpathSync } from 'node:fs'
import { dirname } from 'node:path'
import type { JsonObject } from '@latchgate/protocol'
import { assertProtected } from '../config/protected-files.js'
import { replaceFile } from '../durable-file.js'
import type { PolicyData } from './data-document.js'
import type { PolicyEngine } from './engine.js'
import { documentText } from './policy-document.js'
import type { DocumentRules, KnownActions } from './policy-edit.js'
import { type PolicyFile, PolicyFileError, readPolicyFile } from './policy-file.js'
import { riskyActions, wildcardProblem } from './wildcard-rule.js'

/** What denies everything: there is no document. */
export const NO_POLICY: JsonObject = { policy_version: 'empty', acl: {} }

/** Somebody wrote `data.json` while an edit of it was under way. */
export class PolicyFileChanged extends Error {
  override readonly name = 'PolicyFileChanged'
}

/**
 * The policy data in force and its file, `policies/data.json`. Whatever changes either does so
 * `exclusively`; reads and writes of the file are synchronous, so that no decision falls between the
 * file's replacement and the engine's.
 */
export class PolicyStore {
  readonly #path: string
  readonly #uid: number
  readonly #aclInsecure: boolean
  readonly #engine: PolicyEngine
  #inForce: PolicyData | null
  #turn: Promise<unknown> = Promise.resolve()
  /** Digest of the last document that a record names as loaded or edited; null before the first. */
  recordedDigest: string | null = null

  /** `engine` has the document of `inForce` already; null for no file, which denies everything. */
  constructor(given: {
    readonly path: string
    readonly uid: number
    readonly aclInsecure: boolean
    readonly engine: PolicyEngine
    readonly inForce: PolicyData | null
  }) {
    this.#path = given.path
    this.#uid = given.uid
    this.#aclInsecure = given.aclInsecure
    this.#engine = given.engine
    this.#inForce = given.inForce
  }

  /** The document in force; null when the gate found no file. */
  get inForce(): PolicyData | null {
    return this.#inForce
  }

  /** Runs when what was given before has ended, one after the other. */
  exclusively<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(work)
    // Whoever asked for it hears of its failure; the next one's turn comes all the same.
    this.#turn = mine.then(
      () => undefined,
      () => undefined,
    )
    return mine
  }

  /** What a document of these actions is held against. */
  rules(known: KnownActions): DocumentRules {
    return { known, aclInsecure: this.#aclInsecure }
  }

  /**
   * Reads the file; null when there is none. Throws `PolicyFileError` when it is not a document that
   * may be in force, and `StartupError` when somebody else could have written it.
   */
  read(known: KnownActions): PolicyFile | null {
    assertProtected([dirname(this.#path), this.#path], this.#uid)
    const file = readPolicyFile(this.#path)
    if (file === null || this.#aclInsecure) return file
    const problem = wildcardProblem(file.data, riskyActions({ actions: known }))
    if (problem !== null) throw new PolicyFileError('invalid', problem)
    return file
  }

  /** Puts a document into force; throws and keeps the old one when the engine cannot take it. */
  activate(data: PolicyData | null): void {
    this.#engine.setData(data ?? NO_POLICY)
    this.#inForce = data
  }

  /**
   * Writes a document in place of `before` and puts it into force. Throws and keeps the old one, in
   * force and on the disk, when either fails, or when the file is not `before` any more.
   */
  replace(before: PolicyFile, document: JsonObject, data: PolicyData): void {
    // Where the file is a link, what it leads to is written.
    const target = realpathSync(this.#path)
    if (!readFileSync(target).equals(before.bytes)) {
      throw new PolicyFileChanged('the file was changed while the edit was under way')
    }
    replaceFile(target, Buffer.from(documentText(document)))
    try {
      this.activate(data)
    } catch (error) {
      replaceFile(target, before.bytes)
      throw error
    }
  }
}
