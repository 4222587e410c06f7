import { OperatorFault } from '../../errors/index.ts';

/** Why a deny set cannot be put in force: something an operator must decide or repair. The message says what. */
export class DenyFault extends OperatorFault {
  override readonly name = 'DenyFault';
}
