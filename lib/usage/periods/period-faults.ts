import type { SettingsFault } from '../../config/index.ts';
import { readSigningKey } from '../export/signing-key.ts';
import type { UsageSettings } from '../settings.ts';
import { webhookSecretProblem } from '../webhook/sign-webhook.ts';

/** Rules of summaries and the archive that no schema can say. `totalMs` is how long an exchange may run, in milliseconds. */
export function periodFaults(usage: UsageSettings, totalMs: number): readonly SettingsFault[] {
  const { summaries, archive, store, graceMs } = usage;
  const faults: SettingsFault[] = [];
  const periodic = [
    ...(summaries.length > 0 ? ['summaries'] : []),
    ...(archive === undefined ? [] : ['archive']),
  ];
  if (store === 'none')
    for (const name of periodic)
      faults.push({ path: ['usage', name], message: 'there is no store to read: set usage.store' });
  if (periodic.length > 0 && graceMs < totalMs) {
    const message = `an exchange may run for timeouts.totalMs, ${totalMs} ms: a period is not closed before`;
    faults.push({ path: ['usage', 'graceMs'], message });
  }
  return [...faults, ...summaryFaults(usage), ...archiveFaults(usage)];
}

function summaryFaults({ summaries }: UsageSettings): readonly SettingsFault[] {
  const names = new Set<string>();
  return summaries.flatMap(({ name, url, secret }, i) => {
    const faults: SettingsFault[] = [];
    if (!URL.canParse(url)) {
      const message = 'expected an address such as https://example.com/usage';
      faults.push({ path: ['usage', 'summaries', i, 'url'], message });
    }
    if (names.has(name))
      faults.push({ path: ['usage', 'summaries', i, 'name'], message: 'this name is used twice' });
    names.add(name);
    const problem = webhookSecretProblem(secret);
    if (problem !== null) faults.push({ path: ['usage', 'summaries', i, 'secret'], message: problem });
    return faults;
  });
}

function archiveFaults({ archive }: UsageSettings): readonly SettingsFault[] {
  if (archive === undefined) return [];
  const { s3, sign } = archive;
  const faults: SettingsFault[] = [];
  if (!URL.canParse(s3.endpoint)) {
    const message = 'expected an address such as https://s3.eu-west-1.amazonaws.com';
    faults.push({ path: ['usage', 'archive', 's3', 'endpoint'], message });
  }
  if (s3.bucket.includes('.') && s3.endpoint.startsWith('https:') && !s3.pathStyle) {
    const message = 'no certificate covers a bucket with a full stop: set pathStyle: true';
    faults.push({ path: ['usage', 'archive', 's3', 'bucket'], message });
  }
  const key = sign === undefined ? null : readSigningKey(sign);
  if (typeof key === 'string') faults.push({ path: ['usage', 'archive', 'sign'], message: `it ${key}` });
  return faults;
}
