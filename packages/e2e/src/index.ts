/** The published 0.2.0 client, written again from its specification alone. */
export * as oracle from './oracle/published-client.js'
