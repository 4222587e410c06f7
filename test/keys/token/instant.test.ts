import fc from 'fast-check';
import t from 'tap';
import { parseInstant } from '../../../lib/keys/token/instant.ts';

t.test('RFC 3339, as its own examples and common libraries write it', async t => {
  const texts: [string, string][] = [
    ['1985-04-12T23:20:50.52Z', '1985-04-12T23:20:50.520Z'],
    ['1996-12-19T16:39:57-08:00', '1996-12-20T00:39:57.000Z'],
    ['1937-01-01T12:00:27.87+00:20', '1937-01-01T11:40:27.870Z'],
    ['2022-01-01T00:00:00+00:00', '2022-01-01T00:00:00.000Z'],
    ['2026-11-20t12:00:00z', '2026-11-20T12:00:00.000Z'],
    ['2026-11-20T12:00:00.123456789Z', '2026-11-20T12:00:00.123Z'],
    ['2024-02-29T23:59:59-00:00', '2024-02-29T23:59:59.000Z'],
    ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00.000Z'],
  ];
  for (const [text, utc] of texts) t.equal(new Date(parseInstant(text)!).toISOString(), utc, text);
});

t.test('what is no RFC 3339 timestamp is none', async t => {
  const texts = [
    '',
    '2026-11-20',
    '2026-11-20T12:00Z',
    '2026-11-20T12:00:00',
    '2026-11-20 12:00:00Z',
    '2026-11-20T12:00:00.Z',
    '2026-11-20T12:00:00,5Z',
    '2026-11-20T12:00:00.1234567890Z',
    '2026-11-20T12:00:00+0000',
    '2026-11-20T12:00:00+24:00',
    '2026-11-20T12:00:00+00:60',
    '2026-11-20T24:00:00Z',
    '2026-11-20T12:60:00Z',
    '2026-11-20T23:59:60Z',
    '2026-00-20T12:00:00Z',
    '2026-13-20T12:00:00Z',
    '2026-11-00T12:00:00Z',
    '2026-11-31T12:00:00Z',
    '2025-02-29T12:00:00Z',
    '1900-02-29T12:00:00Z',
    '+002026-11-20T12:00:00Z',
    ' 2026-11-20T12:00:00Z',
    '2026-11-20T12:00:00Z\n',
    '２026-11-20T12:00:00Z',
    '1795176000',
  ];
  for (const text of texts) t.equal(parseInstant(text), null, JSON.stringify(text));
});

t.test('every moment that can be written is read back', async t => {
  const moment = fc.date({
    min: new Date('0000-01-01T00:00:00Z'),
    max: new Date('9999-12-31T23:59:59.999Z'),
    noInvalidDate: true,
  });
  fc.assert(fc.property(moment, date => parseInstant(date.toISOString()) === date.getTime()));
  t.pass();
});
