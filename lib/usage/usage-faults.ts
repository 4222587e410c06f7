import type { SettingsFault } from '../config/index.ts';
import { periodFaults } from './periods/period-faults.ts';
import type { UsageSettings } from './settings.ts';
import { sinkFaults } from './sinks/settings.ts';

/** Rules of the section `usage` that its schema cannot say. `totalMs` is how long an exchange may run, in milliseconds. */
export function usageFaults(usage: UsageSettings, totalMs: number): readonly SettingsFault[] {
  const { journal, keepFor, keepBytes, sinks } = usage;
  const hasJournal = journal !== 'none';
  const faults: SettingsFault[] = [...periodFaults(usage, totalMs)];
  for (const [name, value] of Object.entries({ keepFor, keepBytes }))
    if (value !== undefined && !hasJournal)
      faults.push({ path: ['usage', name], message: 'there is no journal to keep: usage.journal is none' });
  if (sinks !== undefined) faults.push(...sinkFaults(sinks, hasJournal, ['usage', 'sinks']));
  return faults;
}
