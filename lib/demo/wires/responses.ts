import { modelOf, SCRIPT_PIECES, SCRIPT_TEXT, scriptUsage } from '../script.ts';
import { type Call, eventStream, json, type Reply, type Route, SCRIPT_TIME, sseEvent } from '../wire.ts';

/** `/responses`. */
export const responsesRoute: Route = { method: 'POST', path: /\/responses$/, reply };

function reply(call: Call): Reply {
  return call.body.stream === true ? eventStream(events(call)) : json(response(call, 'completed'));
}

function item(call: Call, status: 'in_progress' | 'completed'): object {
  const content = status === 'completed' ? [part(SCRIPT_TEXT)] : [];
  return { id: `msg_demo${call.serial}`, type: 'message', status, role: 'assistant', content };
}

function part(text: string): object {
  return { type: 'output_text', annotations: [], logprobs: [], text };
}

function response(call: Call, status: 'in_progress' | 'completed'): object {
  const completed = status === 'completed';
  const { input, output, total } = scriptUsage(call);
  const usage = {
    input_tokens: input,
    input_tokens_details: { cached_tokens: 0 },
    output_tokens: output,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: total,
  };
  return {
    id: `resp_demo${call.serial}`,
    object: 'response',
    created_at: SCRIPT_TIME.seconds,
    status,
    error: null,
    incomplete_details: null,
    instructions: null,
    max_output_tokens: null,
    model: modelOf(call),
    output: completed ? [item(call, 'completed')] : [],
    parallel_tool_calls: true,
    previous_response_id: null,
    reasoning: { effort: null, summary: null },
    store: false,
    temperature: 1,
    text: { format: { type: 'text' } },
    tool_choice: 'auto',
    tools: [],
    top_p: 1,
    truncation: 'disabled',
    usage: completed ? usage : null,
    metadata: {},
  };
}

/** The whole life of one message: opened, filled, closed from the inside out. */
function events(call: Call): readonly string[] {
  const sent: string[] = [];
  const send = (type: string, rest: object): void => {
    sent.push(sseEvent({ type, sequence_number: sent.length, ...rest }, type));
  };
  const place = { item_id: `msg_demo${call.serial}`, output_index: 0, content_index: 0 };
  send('response.created', { response: response(call, 'in_progress') });
  send('response.in_progress', { response: response(call, 'in_progress') });
  send('response.output_item.added', { output_index: 0, item: item(call, 'in_progress') });
  send('response.content_part.added', { ...place, part: part('') });
  for (const delta of SCRIPT_PIECES) send('response.output_text.delta', { ...place, delta, logprobs: [] });
  send('response.output_text.done', { ...place, text: SCRIPT_TEXT, logprobs: [] });
  send('response.content_part.done', { ...place, part: part(SCRIPT_TEXT) });
  send('response.output_item.done', { output_index: 0, item: item(call, 'completed') });
  send('response.completed', { response: response(call, 'completed') });
  return sent;
}
