import type { LimitSettings } from './settings.ts';

const MEMBERS: readonly (readonly ['rpm' | 'tpm' | 'concurrency', string])[] = [
  ['rpm', 'requests a minute'],
  ['tpm', 'tokens a minute'],
  ['concurrency', 'at a time'],
];

/**
 * What these members amount to, in lines for a person.
 *
 * @param grantsMayLimit keys may bring limits of their own.
 */
export function describeLimits(settings: LimitSettings, grantsMayLimit: boolean): readonly string[] {
  const { perKey, perSubject, perAddress, global, headers, nats } = settings;
  const rates = [
    ...stated('each key', perKey),
    ...stated('each subject', perSubject),
    ...stated('each address', perAddress),
    ...stated('everybody together', global),
  ];
  return [
    ...(rates.length === 0 ? ['no rates by config'] : rates),
    ...(grantsMayLimit ? ['what the grant of a key says of itself goes before each key’s'] : []),
    ...(headers ? ['answers tell how near a limit is'] : []),
    ...(nats === undefined
      ? []
      : [`held together with other instances over NATS at ${nats.servers.join(', ')}: ${nats.subject}`]),
  ];
}

function stated(whose: string, group: LimitSettings['perKey'] = {}): readonly string[] {
  const parts = MEMBERS.flatMap(([name, words]) =>
    group[name] === undefined ? [] : [`${group[name]} ${words}`],
  );
  return parts.length === 0 ? [] : [`${whose}: ${parts.join(', ')}`];
}
