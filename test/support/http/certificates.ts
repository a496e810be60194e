// Certificates for tests: what `charter certs dev` makes, and pairs that no server should serve.
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeDevCertificates } from "../../../src/cli/dev-certificates.ts";
import type { DevCertificates } from "../../../src/cli/dev-certificates.ts";

/** A folder with an authority and a server's pair. */
export interface CertificateFolder extends AsyncDisposable {
  readonly dir: string;
  readonly certFile: string;
  readonly keyFile: string;
  readonly authorityFile: string;
  /** The authority's certificate, PEM. */
  readonly authority: string;
  /** Writes another pair over the first, as a renewal does: aside, then renamed. */
  replace(pair: Pick<DevCertificates, "serverCert" | "serverKey">): Promise<void>;
}

/** A pair for local names, made as if it were `nowMs`. */
export function certificatesAt(nowMs = Date.now(), hosts: readonly string[] = []): Promise<DevCertificates> {
  return makeDevCertificates(hosts, nowMs);
}

/** Makes a folder; it goes away when it is disposed of. */
export async function certificateFolder(made?: DevCertificates): Promise<CertificateFolder> {
  const { authorityCert, serverCert, serverKey } = made ?? (await certificatesAt());
  const dir = await mkdtemp(join(tmpdir(), "charter-certs-"));
  const [certFile, keyFile, authorityFile] = ["server.pem", "server.key", "ca.pem"].map((name) => join(dir, name)) as [
    string,
    string,
    string,
  ];
  const write = async (path: string, text: string): Promise<void> => {
    await writeFile(`${path}.new`, text, { mode: 0o600 });
    await rename(`${path}.new`, path);
  };
  await write(authorityFile, authorityCert);
  await write(certFile, serverCert);
  await write(keyFile, serverKey);
  return {
    dir,
    certFile,
    keyFile,
    authorityFile,
    authority: authorityCert,
    async replace(pair) {
      await write(certFile, pair.serverCert);
      await write(keyFile, pair.serverKey);
    },
    async [Symbol.asyncDispose]() {
      await rm(dir, { recursive: true, force: true });
    },
  };
}
