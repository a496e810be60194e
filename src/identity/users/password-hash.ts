// Hashes of passwords as text: PHC strings of Argon2 (RFC 9106) and what came from elsewhere as bcrypt. Pure.

/** What Argon2 is asked for. */
export interface Argon2Parameters {
  readonly variant: "argon2d" | "argon2i" | "argon2id";
  /** Memory, KiB. */
  readonly memoryKib: number;
  readonly passes: number;
  readonly parallelism: number;
}

/** A hash that was read. */
export type PasswordHash =
  | { readonly scheme: "argon2"; readonly parameters: Argon2Parameters; readonly salt: Buffer; readonly tag: Buffer }
  | { readonly scheme: "bcrypt"; readonly text: string };

/** What new hashes are made with: the least that OWASP's Password Storage Cheat Sheet asks of argon2id. */
export const currentParameters: Argon2Parameters = {
  variant: "argon2id",
  memoryKib: 19_456,
  passes: 2,
  parallelism: 1,
};

/** Length of new salts, bytes (RFC 9106 section 3.1 recommends 16). */
export const saltBytes = 16;
/** Length of new tags, bytes (RFC 9106 section 4 recommends 32). */
export const tagBytes = 32;

/**
 * The most that a hash from elsewhere may ask of this server for one login: 128 MiB and 10 passes; bcrypt at cost 14 takes
 * seconds, and each further step doubles it.
 */
const most = { memoryKib: 131_072, passes: 10, parallelism: 16, bcryptCost: 14 };

const argon2Pattern =
  /^\$(argon2(?:d|i|id))\$v=19\$m=(\d{1,6}),t=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{22,86})$/;
const bcryptPattern = /^\$2[aby]\$(\d{2})\$[./A-Za-z0-9]{53}$/;

/** Reads a hash; undefined when it is of no known form or asks for more than this server is willing to do. */
export function readPasswordHash(text: string): PasswordHash | undefined {
  const cost = bcryptPattern.exec(text)?.[1];
  if (cost !== undefined) {
    return Number(cost) >= 4 && Number(cost) <= most.bcryptCost ? { scheme: "bcrypt", text } : undefined;
  }
  const found = argon2Pattern.exec(text);
  if (!found) return undefined;
  const [, variant = "", memory, passes, lanes, salt = "", tag = ""] = found;
  const parameters: Argon2Parameters = {
    variant: variant as Argon2Parameters["variant"],
    memoryKib: Number(memory),
    passes: Number(passes),
    parallelism: Number(lanes),
  };
  // RFC 9106 section 3.1: at least 8 blocks for each lane.
  const possible =
    parameters.parallelism >= 1 && parameters.passes >= 1 && parameters.memoryKib >= 8 * parameters.parallelism;
  const affordable =
    parameters.memoryKib <= most.memoryKib &&
    parameters.passes <= most.passes &&
    parameters.parallelism <= most.parallelism;
  if (!possible || !affordable) return undefined;
  return { scheme: "argon2", parameters, salt: Buffer.from(salt, "base64"), tag: Buffer.from(tag, "base64") };
}

/** The PHC string of an Argon2 hash. */
export function phcString(parameters: Argon2Parameters, salt: Buffer, tag: Buffer): string {
  const { variant, memoryKib, passes, parallelism } = parameters;
  const base64 = (bytes: Buffer): string => bytes.toString("base64").replaceAll("=", "");
  return `$${variant}$v=19$m=${memoryKib},t=${passes},p=${parallelism}$${base64(salt)}$${base64(tag)}`;
}

/** Whether a hash is of the form that new ones have. */
export function isCurrent(hash: PasswordHash): boolean {
  if (hash.scheme !== "argon2") return false;
  const { variant, memoryKib, passes, parallelism } = hash.parameters;
  return (
    variant === currentParameters.variant &&
    memoryKib === currentParameters.memoryKib &&
    passes === currentParameters.passes &&
    parallelism === currentParameters.parallelism &&
    hash.salt.length >= saltBytes &&
    hash.tag.length === tagBytes
  );
}
