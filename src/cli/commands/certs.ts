// `charter certs dev`: certificates for one machine, so that TLS can be used where no public authority issues any.
import { open, rename, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { makeFolder } from "../../durable-files/index.ts";
import { privateFileMode } from "../../kernel/file-modes.ts";
import type { LocalCall, CommandBody } from "../command.ts";
import { localNames, makeDevCertificates } from "../dev-certificates.ts";
import { print, printReport } from "../io.ts";
import { exitCodes, UsageError } from "../syntax.ts";
import { alignColumns } from "../table.ts";

/** `charter certs dev` */
export const certsDev: CommandBody = {
  isLocal: true,
  usage: "",
  arity: [0, 0],
  options: [
    { name: "dir", value: "DIR", summary: "folder for the four files (charter-certs)" },
    {
      name: "host",
      value: "NAME",
      many: true,
      summary: `name or address of the server in addition to ${localNames.join(", ")}`,
    },
    { name: "force", summary: "replace files that are there, the authority too" },
  ],
  examples: [
    { line: "certs dev", does: "writes ca.pem, ca.key, server.pem and server.key into ./charter-certs" },
    { line: "certs dev --dir tls --host charter.test --host 10.0.0.5", does: "makes a certificate for more names" },
  ],
  run,
};

const hostPattern =
  /^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)([.][a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$|^[0-9a-f]*:[0-9a-f:.]+$/;

async function run({ io, options, json }: LocalCall): Promise<number> {
  const dir = resolve(io.cwd, options.text("dir") ?? "charter-certs");
  const hosts = options.all("host");
  const odd = hosts.find((host) => host.length > 253 || !hostPattern.test(host));
  if (odd !== undefined)
    throw new UsageError(`--host must be a lower-case host name or an address, not ${JSON.stringify(odd)}`);
  const files = {
    authority: join(dir, "ca.pem"),
    authorityKey: join(dir, "ca.key"),
    certificate: join(dir, "server.pem"),
    key: join(dir, "server.key"),
  };
  if (!options.has("force")) await refuseExisting(Object.values(files));
  const made = await makeDevCertificates(hosts, Date.now());
  await makeFolder(dir);
  await write(files.authorityKey, made.authorityKey);
  await write(files.authority, made.authorityCert);
  await write(files.key, made.serverKey);
  await write(files.certificate, made.serverCert);
  if (json) printReport(io, files);
  else print(io, ...howTo(files));
  return exitCodes.ok;
}

async function refuseExisting(paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    const isThere = await stat(path).then(
      () => true,
      () => false,
    );
    if (isThere)
      throw new Error(`${path} is there already; --force replaces it, and clients must trust the new authority`);
  }
}

/** Written aside and renamed: a server that follows the files never sees half of one, and none ever has another mode. */
async function write(path: string, text: string): Promise<void> {
  const aside = `${path}.${process.pid}.new`;
  await using file = await open(aside, "wx", privateFileMode);
  await file.writeFile(text);
  await file.sync();
  await rename(aside, path);
}

function howTo(files: Readonly<Record<"authority" | "authorityKey" | "certificate" | "key", string>>): string[] {
  return [
    ...alignColumns([
      ["  authority", files.authority],
      ["  its key", files.authorityKey],
      ["  certificate", files.certificate],
      ["  its key", files.key],
    ]),
    "",
    "Serve with it:",
    "",
    `  charter serve --tls-cert ${files.certificate} --tls-key ${files.key}`,
    "",
    "Trust it, for one program at a time:",
    "",
    `  curl --cacert ${files.authority} https://localhost:8000/health`,
    `  export NODE_EXTRA_CA_CERTS=${files.authority}   # Node, and the charter commands`,
    "",
    "A holder of the authority's key can pretend to be any site to those who trust it: keep it on this machine.",
  ];
}
