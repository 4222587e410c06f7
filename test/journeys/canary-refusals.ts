import type { RequestParts } from '../client/index.ts';
import type { Fields } from '../raw/index.ts';
import { ALICE, AS_CLIENT, JSON_TYPE, KEYS } from './canary-lab.ts';

const CHAT = '/openai/v1/chat/completions';
const GUESS = KEYS.guessed;

/** A signed key of which one character is another. */
export const TAMPERED = ALICE.replace(/(?<=\.public\..{40})./, found => (found === 'A' ? 'B' : 'A'));

const chat = (fields: Fields, target = CHAT): RequestParts => ({
  target,
  fields: [...fields, ...JSON_TYPE],
  body: '{"model":"m"}',
});

/** Requests that are refused at each step of admission, with secrets where they do not belong, and the status of each. */
export const REFUSED: readonly (readonly [status: number, parts: RequestParts])[] = [
  [400, chat(AS_CLIENT, `/openai//v1?key=${GUESS}`)],
  [400, { target: `http://${GUESS}/`, fields: AS_CLIENT }],
  [400, { target: CHAT, fields: [['Host', 'a'], ['Host', GUESS], ...AS_CLIENT] }],
  [405, { ...chat(AS_CLIENT), method: 'TRACE' }],
  [417, chat([...AS_CLIENT, ['Expect', GUESS]])],
  [426, { target: CHAT, fields: [...AS_CLIENT, ['Connection', 'upgrade'], ['Upgrade', GUESS]] }],
  [431, { target: CHAT, fields: [...AS_CLIENT, ['X-Big', GUESS.repeat(900)]] }],
  [
    501,
    {
      target: CHAT,
      fields: [...AS_CLIENT, ['Transfer-Encoding', 'gzip, chunked'], ['X-Key', GUESS]],
      body: '',
    },
  ],
  [404, chat(AS_CLIENT, `/nobody/v1/messages?key=${GUESS}`)],
  [413, { method: 'POST', target: CHAT, fields: [...AS_CLIENT, ['Content-Length', '99999999']] }],
  [400, chat([...AS_CLIENT, ['x-api-key', ALICE]])],
  [
    400,
    chat([
      ['x-api-key', GUESS],
      ['x-api-key', KEYS.client],
    ]),
  ],
  [401, chat([])],
  [401, chat([['Authorization', `Bearer ${GUESS}`]])],
  [401, chat([['Authorization', `Token ${KEYS.client}`]])],
  [401, chat([['x-api-key', KEYS.admin]])],
  [401, chat([['x-api-key', KEYS.openai1]])],
  [401, chat([], `${CHAT}?key=${GUESS}`)],
  [401, chat([['x-api-key', TAMPERED]])],
  [401, chat([['x-api-key', ALICE.toUpperCase()]])],
  [403, chat(AS_CLIENT, '/openai/v1/batches')],
];

/** Configs that are refused, with secrets where references belong. */
export function wrongConfigs(config: Readonly<Record<string, unknown>>): readonly string[] {
  const { providers, auth, ops } = config as { providers: object; auth: object; ops: object };
  const pasted = KEYS.pasted;
  const sections: readonly object[] = [
    { limits: { inflght: 1 } },
    ...[pasted, `env:${pasted}`, `file:${pasted}`, { id: pasted, key: pasted }].map(key => ({
      providers: { ...providers, openai: { keys: [key] } },
    })),
    {
      providers: {
        ...providers,
        openai: { origin: `http://user:${pasted}@127.0.0.1`, keys: ['env:POOL_1'] },
      },
    },
    { auth: { ...auth, issuers: [{ publicKey: pasted, secretKey: 'env:POOL_1' }] } },
    { auth: { staticKeys: ['a', 'b'].map(id => ({ id, key: 'env:CLIENT' })) } },
    { ops: { ...ops, adminKeys: [{ key: 'env:CLIENT', role: pasted }] } },
    { ops: { ...ops, adminKeys: [{ key: 'env:CLIENT', role: 'admin' }] } },
    { limits: { nats: { servers: [`nats://weir:${pasted}@127.0.0.1`] } } },
  ];
  return [
    ...sections.map(section => JSON.stringify({ ...config, ...section })),
    `providers: { openai: { keys: [${pasted} } }\n`,
    `${pasted}: 1\n`,
  ];
}
