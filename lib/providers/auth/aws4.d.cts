declare module 'aws4' {
  /** What is signed. `headers` come back with the date, the session token and `Authorization`. */
  interface Signable {
    readonly method: string;
    readonly host: string;
    readonly path: string;
    readonly service: string;
    readonly region: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body?: Buffer;
    /** Lower-case names that stay out of the signature. */
    readonly extraHeadersToIgnore?: Readonly<Record<string, true>>;
  }

  interface Credentials {
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    readonly sessionToken?: string;
  }

  const aws4: {
    sign(request: Signable, credentials: Credentials): { readonly headers: Readonly<Record<string, string>> };
  };

  export default aws4;
}
