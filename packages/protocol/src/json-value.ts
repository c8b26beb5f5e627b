/** Any JSON value. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject

/** A JSON object. A type alias and not an interface, so that typed literals are assignable to it. */
export type JsonObject = { readonly [member: string]: Json }
