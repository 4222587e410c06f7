import { openLedger } from '../../lib/store/index.ts';
import { draftOf, newKey } from './register-sample.ts';

/** Puts keys on record until it is killed, and prints the number of each that the store has acknowledged. */
const { register } = openLedger(`sqlite:${process.argv[2]}`);
for (let i = Number(process.argv[3]) + 1; ; i++) {
  const key = newKey(`key-${i}`);
  const result = await register.changeKey(key.jti, { kind: 'create', key }, draftOf());
  if (!result.ok) throw new Error(result.problem);
  process.stdout.write(`${i}\n`);
}
