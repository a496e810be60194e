// Where this server is found, which it knows for certain only once it listens.

/** The server's own URLs. */
export class OwnUrl {
  readonly #publicUrl: string;
  readonly #issuer: string;
  #listening = "";

  /** Both may be empty, and are then where the server listens. */
  constructor({ publicUrl, issuer }: { readonly publicUrl: string; readonly issuer: string }) {
    this.#publicUrl = publicUrl;
    this.#issuer = issuer;
  }

  /** Called once, with the URL that the server listens on. */
  listensAt(url: string): void {
    this.#listening = url;
  }

  /** As people find it, without a slash at its end. */
  readonly asPublished = (): string => (this.#publicUrl || this.#listening).replace(/\/+$/, "");

  /** As tokens name it: an origin. */
  readonly asIssuer = (): string => new URL(this.#issuer || this.#listening).origin;
}
