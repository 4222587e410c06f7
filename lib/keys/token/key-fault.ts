/** Why a value in the form of a virtual key is none. `busy` says nothing of the key. */
export type KeyFaultKind =
  | 'malformed'
  | 'unknownIssuer'
  | 'badSignature'
  | 'expired'
  | 'notYetValid'
  | 'badClaims'
  | 'busy';

/** A key that was refused. `detail` is for the operator: it never holds the key, and nobody else may read it. */
export class KeyFault {
  readonly kind: KeyFaultKind;
  readonly detail: string;

  constructor(kind: KeyFaultKind, detail: string) {
    this.kind = kind;
    this.detail = detail;
  }
}
