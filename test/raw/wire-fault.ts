/** Bytes on a test's wire that are not what HTTP/1 allows. */
export class WireFault extends Error {
  override readonly name = 'WireFault';
}
