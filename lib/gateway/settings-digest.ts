import { createHash } from 'node:crypto';
import { Secret } from '../base/index.ts';

/** Equal for equal settings, secrets included: a rotated key is a change. Shows nothing of them. */
export function settingsDigest(value: unknown): string {
  const text = JSON.stringify(value, function (this: Record<string, unknown>, key, plain: unknown) {
    const own = this[key];
    return own instanceof Secret ? own.reveal() : plain;
  });
  return createHash('sha256')
    .update(text ?? '')
    .digest('base64');
}
