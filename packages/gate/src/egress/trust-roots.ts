import { X509Certificate } from 'node:crypto'
import { createSecureContext, rootCertificates, type SecureContext } from 'node:tls'

/**
 * Builds the TLS context of all upstream connections once: TLS 1.2 or 1.3, the roots that Node
 * ships plus the operator's. Nothing in the environment adds a root or switches verification off.
 * Built at first use: parsing the roots takes tens of milliseconds.
 *
 * @throws {Error} at once if `extraCaPem` holds no certificate or one that cannot be read.
 */
export function lazySecureContext(extraCaPem: string | null): () => SecureContext {
  const extra = extraCaPem === null ? [] : parseCertificates(extraCaPem)
  let context: SecureContext | null = null
  return () => {
    context ??= createSecureContext({
      ca: [...rootCertificates, ...extra],
      minVersion: 'TLSv1.2',
      maxVersion: 'TLSv1.3',
    })
    return context
  }
}

function parseCertificates(pem: string): readonly string[] {
  const blocks =
    pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? ([] as const)
  if (blocks.length === 0) throw new Error('egress.extra_ca_file holds no PEM certificate')
  return blocks.map((block, at) => {
    try {
      return new X509Certificate(block).toString()
    } catch (cause) {
      throw new Error(`egress.extra_ca_file: certificate ${at + 1} cannot be read`, { cause })
    }
  })
}
