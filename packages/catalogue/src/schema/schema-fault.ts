/** One way in which a value breaks its schema. */
export interface SchemaFault {
  /** JSON pointer (RFC 6901) of the member; empty for the whole value. */
  readonly path: string
  readonly message: string
}
