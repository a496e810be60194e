// What a caller presents to be recognised by, whichever door it comes to.

/** What is presented: a text, a signature over the request, or the certificate of the connection. */
export type Presented = {
  /** Network address that it is presented from, as text; empty when there is none. */
  readonly address: string;
} & (
  | { readonly scheme: "bearer"; readonly text: string }
  | {
      readonly scheme: "signature";
      readonly keyId: string;
      readonly algorithm: string;
      /** The bytes that were signed, as the scheme makes them of the request. */
      readonly signed: Uint8Array;
      readonly signature: Uint8Array;
    }
  /** DER, as TLS has verified it. */
  | { readonly scheme: "certificate"; readonly certificate: Uint8Array }
);
