import type { ErrorCode } from '@latchgate/protocol'
import type { Schema } from './schema.js'

/** The listeners of the gate. */
export type ListenerName = 'client' | 'admin'

/**
 * Who a route answers. `renewal`: whoever gets a lease; nobody has to show anything, a registered key or a
 * token says who it is, a lease and a proof renew the lease.
 */
export type Credential = 'none' | 'renewal' | 'lease' | 'operator'

/** Sections of the document. */
export const TAGS = {
  gate: 'Whether the gate is there, and whether it can work.',
  leases: 'What an agent shows with every call.',
  actions: 'What can be asked for, and asking for it.',
  receipts: 'What became of a call, signed.',
  approvals: 'Calls that wait for a human.',
  revocation: 'Taking leases back.',
  policy: 'Who may do what, and what takes a human.',
  learned: 'Destinations and paths that actions were given at run time.',
  audit: 'What happened: the records of the log, and whether they are whole.',
  operations: 'Running the gate.',
} as const

/** A parameter of a path or query. */
export interface ParameterDocumentation {
  readonly schema: Schema
  readonly required?: boolean
}

/** An answer that is not an error. */
export interface SuccessDocumentation {
  readonly description: string
  /** Absent: there is no body. */
  readonly schema?: Schema
}

/**
 * An error that a route can answer: a code, whose status stands in the one table, or a code with the
 * status and the schema in which this route departs from it.
 */
export type ErrorDocumentation =
  | ErrorCode
  | { readonly code: ErrorCode; readonly status?: number; readonly schema?: string }

/** What the document says of one route: a method and a path as the route table has them. */
export interface RouteDocumentation {
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** With `:parameters`. */
  readonly path: string
  /** What a generated client calls it. */
  readonly operationId: string
  readonly summary: string
  /** What it is for, and what surprises. */
  readonly description: string
  readonly tag: keyof typeof TAGS
  /** For published clients alone: another route does the same. */
  readonly deprecated?: true
  /** The listeners that serve it, and who they answer. */
  readonly access: Readonly<Partial<Record<ListenerName, Credential>>>
  /** For operators: a failed authentication names its cause (spec/http-api 5.2). */
  readonly namesCause?: true
  /** For operators: works while the memory of used proofs is away (design 5). */
  readonly proofInLedger?: true
  readonly pathParameters?: Readonly<Record<string, Schema>>
  readonly query?: Readonly<Record<string, ParameterDocumentation>>
  readonly headers?: Readonly<Record<string, ParameterDocumentation>>
  /** Its own faults are not among `errors`: `json` has those of a JSON endpoint. */
  readonly body?: {
    readonly schema: Schema
    readonly description: string
    readonly required: boolean
    /** Read as `application/json` alone, with the faults of design 3; `any` looks at no type. */
    readonly type: 'json' | 'any'
  }
  readonly success: Readonly<Record<number, SuccessDocumentation>>
  /** Beyond those that follow from `access`, `body` and the path. */
  readonly errors: readonly ErrorDocumentation[]
}
