/** Where the gateway was to listen. */
export interface ListenPlace {
  readonly host: string;
  readonly port: number;
  readonly path?: string;
  /** The config section that says so. */
  readonly section: 'listen' | 'ops';
}

/** Why it does not listen, and what to do: for a person. */
export function listenFault(error: unknown, { host, port, path, section }: ListenPlace): string {
  const place = path ?? `${host}:${port}`;
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  const remedy = remedyOf(code, path !== undefined, section, port);
  if (remedy !== null) return `weir cannot listen on ${place}: ${remedy}`;
  return `weir cannot listen on ${place}: ${error instanceof Error ? error.message : String(error)}`;
}

function remedyOf(code: unknown, isSocket: boolean, section: string, port: number): string | null {
  if (typeof code === 'string' && /^ERR_(OSSL|TLS|SSL)/.test(code)) {
    return 'listen.tls.cert and listen.tls.key must be a PEM certificate and the key that belongs to it.';
  }
  switch (code) {
    case 'EADDRINUSE':
      return isSocket
        ? 'the socket file is there already. Stop the program that uses it, or remove the file if none does.'
        : `another program listens there (weir itself, perhaps). Stop it, or choose another port in a config file:\n  ${section}: { port: ${port + 1} }${section === 'listen' ? '\n  providers: { demo: {} }' : ''}`;
    case 'EACCES':
      return isSocket
        ? 'its folder may not be written to by this user.'
        : 'this user may not use that port. Ports below 1024 need a privilege: choose a higher one.';
    case 'EADDRNOTAVAIL':
      return 'this machine has no such address. Set the host to one of its own.';
    case 'ENOENT':
      return 'the folder of the socket does not exist.';
    case 'ENOTFOUND':
      return 'this host name does not resolve. Set the host to an address of this machine.';
    default:
      return null;
  }
}
