import type { SettingsFault } from '../config/index.ts';
import type { UsageSettings } from './settings.ts';
import { sinkFaults } from './sinks/settings.ts';

/** Rules of the section `usage` that its schema cannot say. */
export function usageFaults({ journal, keepFor, keepBytes, sinks }: UsageSettings): readonly SettingsFault[] {
  const hasJournal = journal !== 'none';
  const faults: SettingsFault[] = [];
  for (const [name, value] of Object.entries({ keepFor, keepBytes }))
    if (value !== undefined && !hasJournal)
      faults.push({ path: ['usage', name], message: 'there is no journal to keep: usage.journal is none' });
  if (sinks !== undefined) faults.push(...sinkFaults(sinks, hasJournal, ['usage', 'sinks']));
  return faults;
}
