import type { Fields } from '../../raw/index.ts';
import * as up from '../../upstream/index.ts';

/** How a provider behaves towards one request. */
export const BEHAVIOURS = ['json', 'stream', 'error', 'cut', 'held'] as const;

export type Behaviour = (typeof BEHAVIOURS)[number];

/** What one request is answered with. It travels in the request's `user`. */
export interface Answer {
  readonly behaviour: Behaviour;
  /** Content events of a stream. */
  readonly events: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** The most bytes that leave the provider in one write. */
  readonly splitBytes: number;
}

const STREAM: Fields = [
  ['Content-Type', 'text/event-stream'],
  ['Transfer-Encoding', 'chunked'],
];
const JSON_TYPE: Fields = [['Content-Type', 'application/json']];

export function userOf(answer: Answer): string {
  const { behaviour, events, inputTokens, outputTokens, splitBytes } = answer;
  return [behaviour, events, inputTokens, outputTokens, splitBytes].join('-');
}

function answerOf(user: string): Answer {
  const [behaviour, ...numbers] = user.split('-');
  const [events, inputTokens, outputTokens, splitBytes] = numbers.map(Number);
  return {
    behaviour: behaviour as Behaviour,
    events: events!,
    inputTokens: inputTokens!,
    outputTokens: outputTokens!,
    splitBytes: splitBytes!,
  };
}

function usageOf({ inputTokens, outputTokens }: Answer): object {
  return {
    prompt_tokens: inputTokens,
    completion_tokens: outputTokens,
    total_tokens: inputTokens + outputTokens,
  };
}

function event(data: object): up.Step {
  return up.chunk(`data: ${JSON.stringify(data)}\n\n`);
}

function content(i: number): up.Step {
  return event({ id: 'c', model: 'served', choices: [{ index: 0, delta: { content: `word ${i}` } }] });
}

function ending(answer: Answer): readonly up.Step[] {
  const finish = { id: 'c', model: 'served', choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] };
  return [
    event(finish),
    event({ id: 'c', model: 'served', choices: [], usage: usageOf(answer) }),
    up.chunk('data: [DONE]\n\n'),
    up.last(),
  ];
}

function stepsOf(answer: Answer, held: () => up.Step): readonly up.Step[] {
  const beginning = [
    up.splitEvery(answer.splitBytes),
    up.head(200, STREAM),
    ...Array.from({ length: answer.events }, (_, i) => content(i)),
  ];
  switch (answer.behaviour) {
    case 'json': {
      const choices = [{ index: 0, message: { role: 'assistant', content: 'x' }, finish_reason: 'stop' }];
      const body = { id: 'c', model: 'served', choices, usage: usageOf(answer) };
      return [up.splitEvery(answer.splitBytes), ...up.respond(200, JSON_TYPE, JSON.stringify(body))];
    }
    case 'error':
      return up.respond(500, JSON_TYPE, '{"error":{"message":"it failed","type":"server_error"}}');
    case 'stream':
      return [...beginning, ...ending(answer)];
    case 'cut':
      return [...beginning, up.rst()];
    case 'held':
      return [...beginning, held(), ...ending(answer)];
  }
}

/** A provider that answers each request as its `user` says. `held` gives the gate of one whose answer is held. */
export async function startProvider(held: (user: string) => up.Gate): Promise<up.Upstream> {
  const provider = await up.Upstream.start();
  provider.reply(async turn => {
    const { user } = JSON.parse((await turn.request.wholeBody()).toString('utf8')) as { user: string };
    await turn.run(stepsOf(answerOf(user), () => held(user)));
  });
  return provider;
}
