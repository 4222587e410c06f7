export { describeOps } from './describe-ops.ts';
export {
  type AuditEntry,
  BAD_CREDENTIALS_PER_MINUTE,
  type BadCredentials,
  type OpsHouse,
} from './ops-house.ts';
export { OpsListener, type OpsListenerOptions } from './ops-listener.ts';
export { type AdminKeySettings, adminKeyId, type OpsSettings, opsFaults, opsSchema } from './settings.ts';
