/** Something an operator must decide or repair before it can go on. The message says what, and is all that is shown. */
export class OperatorFault extends Error {
  override readonly name: string = 'OperatorFault';
}
