import 'reflect-metadata'
import { createHash, webcrypto } from 'node:crypto'
import { isIP } from 'node:net'
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509'

/** A leaf certificate and its key, ready for `tls.createServer`. */
export interface TestLeaf {
  readonly certPem: string
  readonly keyPem: string
  /** SHA-256 of the certificate's DER form, lower-case hex. */
  readonly sha256: string
}

/** How a leaf may be wrong on purpose. Times are milliseconds since the epoch. */
export interface LeafOptions {
  readonly notBefore?: number
  readonly notAfter?: number
}

/** A throw-away certificate authority (P-256, valid from yesterday until tomorrow). */
export interface TestCa {
  /** The root certificate: what a client has to trust. */
  readonly caPem: string
  /** Issues a server certificate for host names, wildcards and IP addresses (without brackets). */
  issue(hosts: readonly string[], options?: LeafOptions): Promise<TestLeaf>
}

const DAY_MS = 86_400_000
const EC = { name: 'ECDSA', namedCurve: 'P-256' } as const
const SIGNING = { name: 'ECDSA', hash: 'SHA-256' } as const

/** Makes a CA of its own for each call: two test CAs never trust each other's leaves. */
export async function createTestCa(name = 'LatchGate test CA'): Promise<TestCa> {
  const keys = await generateKeys()
  const root = await X509CertificateGenerator.createSelfSigned({
    serialNumber: serial(),
    name: `CN=${name}`,
    notBefore: new Date(Date.now() - DAY_MS),
    notAfter: new Date(Date.now() + DAY_MS),
    keys,
    signingAlgorithm: SIGNING,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
    ],
  })
  return {
    caPem: root.toString('pem'),
    issue: (hosts, options) => issueLeaf(root, keys.privateKey, hosts, options ?? {}),
  }
}

async function issueLeaf(
  root: X509Certificate,
  signingKey: webcrypto.CryptoKey,
  hosts: readonly string[],
  options: LeafOptions,
): Promise<TestLeaf> {
  const keys = await generateKeys()
  const leaf = await X509CertificateGenerator.create({
    serialNumber: serial(),
    issuer: root.subject,
    subject: `CN=${hosts[0] ?? 'nobody'}`,
    notBefore: new Date(options.notBefore ?? Date.now() - DAY_MS),
    notAfter: new Date(options.notAfter ?? Date.now() + DAY_MS),
    publicKey: keys.publicKey,
    signingKey,
    signingAlgorithm: SIGNING,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      new SubjectAlternativeNameExtension(
        hosts.map((host) => ({ type: isIP(host) === 0 ? 'dns' : 'ip', value: host }) as const),
      ),
    ],
  })
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)
  return {
    certPem: leaf.toString('pem'),
    keyPem: PemConverter.encode(pkcs8, 'PRIVATE KEY'),
    sha256: createHash('sha256').update(new Uint8Array(leaf.rawData)).digest('hex'),
  }
}

function generateKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(EC, true, ['sign', 'verify'])
}

function serial(): string {
  const bytes = webcrypto.getRandomValues(new Uint8Array(16))
  // A leading set bit would make the serial number a negative integer.
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40
  return Buffer.from(bytes).toString('hex')
}
