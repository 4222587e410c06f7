import { OWN_PAGES } from './own-pages.ts';
import { adminKeyId, type OpsSettings } from './settings.ts';

const READERS: Readonly<Record<OpsSettings['metrics'], string>> = {
  open: 'for everybody who reaches it',
  viewer: 'for admin keys',
  off: 'for nobody',
};

/** What the section amounts to, in lines for a person. */
export function describeOps({ host, port, adminKeys, metrics }: OpsSettings): readonly string[] {
  const open = [...OWN_PAGES.keys()].filter(path => path !== '/metrics');
  const keys = adminKeys.map((key, i) => `${adminKeyId(key, i)} (${key.role})`);
  return [
    `at http://${host.includes(':') ? `[${host}]` : host}:${port === 0 ? '(any free port)' : port}`,
    `${open.join(' ')} for everybody who reaches it, /metrics ${READERS[metrics]}`,
    keys.length === 0 ? 'no admin calls: there is no admin key' : `admin calls of ${keys.join(', ')}`,
  ];
}
