/** Ends the demo when it does not go as told. */
export function expect(condition: boolean, claim: string): void {
  if (!condition) throw new Error(`the demo did not go as told: ${claim}`)
}
