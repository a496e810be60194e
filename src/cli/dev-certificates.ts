// A certificate authority for one developer's machine and a server certificate under it, for `charter serve --tls-cert`.
// ECDSA on P-256 throughout: every client speaks it, and the keys are small.
import { randomBytes, webcrypto } from "node:crypto";
import { isIP } from "node:net";
import type { Name as X509Name } from "@peculiar/x509";

/** How long the authority is good for, years. */
const authorityYears = 10;
/** How long the server certificate is good for, days: Apple's platforms refuse more than 397 to 825, browsers more than 398. */
const serverDays = 397;
/** Certificates count from an hour ago, for clients whose clock is behind, milliseconds. */
const backdateMs = 60 * 60 * 1000;
const dayMs = 24 * 60 * 60 * 1000;

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

/** The names that a development server is always reached by. */
export const localNames = ["localhost", "127.0.0.1", "::1"] as const;

/** The texts of the four files, PEM. */
export interface DevCertificates {
  readonly authorityCert: string;
  readonly authorityKey: string;
  readonly serverCert: string;
  readonly serverKey: string;
}

/** Makes an authority and a server certificate for `hosts`, names or addresses, in addition to the local names. */
export async function makeDevCertificates(hosts: readonly string[], nowMs: number): Promise<DevCertificates> {
  const x509 = await loadX509();
  const [authority, server] = await Promise.all([newKeys(), newKeys()]);
  const notBefore = new Date(nowMs - backdateMs);
  const end = new Date(nowMs);
  end.setUTCFullYear(end.getUTCFullYear() + authorityYears);
  const authorityCert = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: newSerial(),
    name: [{ O: ["Charter development"] }, { CN: [`Charter development authority ${newSerial().slice(0, 8)}`] }],
    notBefore,
    notAfter: end,
    signingAlgorithm: algorithm,
    keys: authority,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(authority.publicKey),
    ],
  });
  const names = [...new Set([...localNames, ...hosts])];
  const serverCert = await x509.X509CertificateGenerator.create({
    serialNumber: newSerial(),
    subject: [{ O: ["Charter development"] }, { CN: ["localhost"] }],
    issuer: authorityCert.subjectName satisfies X509Name,
    notBefore,
    // From notBefore to notAfter, both included (RFC 5280 section 4.1.2.5).
    notAfter: new Date(notBefore.getTime() + serverDays * dayMs - 1000),
    signingAlgorithm: algorithm,
    publicKey: server.publicKey,
    signingKey: authority.privateKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(
        names.map((name) => ({ type: isIP(name) === 0 ? "dns" : "ip", value: name }) as const),
      ),
      await x509.SubjectKeyIdentifierExtension.create(server.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(authority.publicKey),
    ],
  });
  return {
    authorityCert: `${authorityCert.toString("pem")}\n`,
    authorityKey: await privatePem(authority),
    serverCert: `${serverCert.toString("pem")}\n`,
    serverKey: await privatePem(server),
  };
}

/** Loads the library, which needs the metadata functions of a proposal that the language did not take up. */
async function loadX509() {
  await import("reflect-metadata");
  const x509 = await import("@peculiar/x509");
  x509.cryptoProvider.set(webcrypto as unknown as Parameters<typeof x509.cryptoProvider.set>[0]);
  return x509;
}

function newKeys() {
  return webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
}

/** 127 random bits: positive, and more than the 64 that the CA/Browser Forum asks for. */
function newSerial(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toString("hex");
}

async function privatePem({ privateKey }: webcrypto.CryptoKeyPair): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", privateKey));
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN PRIVATE KEY-----\n${lines.join("\n")}\n-----END PRIVATE KEY-----\n`;
}
