import type { StoreResult } from '../../ledger.ts';
import type { Register } from '../../register.ts';

function absent(): Promise<StoreResult<never>> {
  return Promise.resolve({ ok: false, problem: 'PostgreSQL does not keep the register yet' });
}

export const NO_REGISTER: Register = {
  record: absent,
  changeKey: absent,
  key: absent,
  keys: absent,
  switched: absent,
  audit: absent,
  auditHead: absent,
  verifyAudit: absent,
};
