import { readSigningKey } from './export/signing-key.ts';
import type { UsageSettings } from './settings.ts';
import { webhookSecretProblem } from './webhook/sign-webhook.ts';

/** What no schema can say of the section: what is wrong, and where below `usage`. */
export interface UsageFault {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** `totalMs` is how long an exchange may run, in milliseconds. */
export function usageFaults(usage: UsageSettings, totalMs: number): readonly UsageFault[] {
  const { summaries, archive, store, graceMs } = usage;
  const faults: UsageFault[] = [];
  const periodic = [
    ...(summaries.length > 0 ? ['summaries'] : []),
    ...(archive === undefined ? [] : ['archive']),
  ];
  if (store === 'none')
    for (const name of periodic)
      faults.push({ path: [name], message: 'there is no store to read: set usage.store' });
  if (periodic.length > 0 && graceMs < totalMs) {
    const message = `an exchange may run for timeouts.totalMs, ${totalMs} ms: a period is not closed before`;
    faults.push({ path: ['graceMs'], message });
  }
  return [...faults, ...summaryFaults(usage), ...archiveFaults(usage)];
}

function summaryFaults({ summaries }: UsageSettings): readonly UsageFault[] {
  const names = new Set<string>();
  return summaries.flatMap(({ name, secret }, i) => {
    const faults: UsageFault[] = [];
    if (names.has(name)) faults.push({ path: ['summaries', i, 'name'], message: 'this name is used twice' });
    names.add(name);
    const problem = webhookSecretProblem(secret);
    if (problem !== null) faults.push({ path: ['summaries', i, 'secret'], message: problem });
    return faults;
  });
}

function archiveFaults({ archive }: UsageSettings): readonly UsageFault[] {
  if (archive === undefined) return [];
  const { s3, sign } = archive;
  const faults: UsageFault[] = [];
  if (s3.bucket.includes('.') && s3.endpoint.startsWith('https:') && !s3.pathStyle) {
    const message = 'no certificate covers a bucket with a full stop: set pathStyle: true';
    faults.push({ path: ['archive', 's3', 'bucket'], message });
  }
  const key = sign === undefined ? null : readSigningKey(sign);
  if (typeof key === 'string') faults.push({ path: ['archive', 'sign'], message: `it ${key}` });
  return faults;
}
