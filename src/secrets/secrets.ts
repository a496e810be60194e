// Secrets that an installation makes for itself and keeps: what signs tokens, seals caches and cursors.

/** The secrets. */
export interface Secrets {
  /** The 32 random bytes of this name: the same ones whenever they are asked for, durable before they are given. */
  bytes(name: string): Promise<Buffer>;
}
