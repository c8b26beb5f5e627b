declare const brand: unique symbol

/** `T` under a name of its own: two brands of one type are not assignable to each other. */
export type Brand<T, Name extends string> = T & { readonly [brand]: Name }
