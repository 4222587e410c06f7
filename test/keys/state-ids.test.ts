import type { IncomingMessage, ServerResponse } from 'node:http';
import t from 'tap';
import { StateIds, StateStage } from '../../lib/keys/state-ids.ts';
import { Exchange, type Principal } from '../../lib/pipeline/index.ts';
import { tapOpener } from '../../lib/usage/tap.ts';
import { parseTarget } from '../../lib/wire/index.ts';
import { compiled, secret } from '../providers/compiled.ts';

const keys = [
  { id: 'a', key: secret('ka') },
  { id: 'b', key: secret('kb') },
];
const { providers } = compiled({
  openai: { keys },
  anthropic: { keys },
  google: { keys },
  mistral: { keys },
  groq: { keys: [{ id: 'only', key: secret('k') }] },
});

const MANAGED: Principal = {
  auth: 'static',
  subject: 's',
  keyId: 'k',
  tags: {},
  managed: true,
  grant: null,
  issuer: null,
  issuedMs: null,
};

interface Asked {
  readonly method?: string;
  readonly body?: object | string;
  readonly managed?: boolean;
}

function ask(path: string, { method = 'POST', body, managed = true }: Asked = {}): Exchange {
  const target = parseTarget(path);
  if (!('segments' in target)) throw new Error(`bad target ${path}`);
  const req = { method, rawHeaders: [], headers: {} } as Partial<IncomingMessage> as IncomingMessage;
  const exchange = new Exchange(req, {} as ServerResponse, 'i:b:1', 'r', 0, 0);
  exchange.target = target;
  exchange.provider = providers.get(target.first)!;
  exchange.endpoint = exchange.provider.endpoint(method, target.segments);
  exchange.principal = managed ? MANAGED : { ...MANAGED, managed: false };
  exchange.body =
    body === undefined ? null : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  return exchange;
}

interface Answer {
  readonly status?: number;
  readonly type?: string;
  readonly headers?: readonly string[];
}

/** Has an exchange answered, with the pool key of that id; what the tap reads is learnt. */
function answered(
  ids: StateIds,
  exchange: Exchange,
  key: string,
  body: object | string,
  answer: Answer = {},
): Exchange {
  exchange.poolKey = exchange.provider!.keys.find(({ id }) => id === key)!;
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const headers = ['content-type', answer.type ?? 'application/json', ...(answer.headers ?? [])];
  const tap = tapOpener((from, id) => ids.learn(from, id))(exchange, answer.status ?? 200, headers);
  tap?.write(Buffer.from(text));
  tap?.end(() => {});
  return exchange;
}

const keyOf = (ids: StateIds, path: string, asked: Asked = {}) => ids.keyFor(ask(path, asked));
const GET = { method: 'GET' } as const;

t.test('a response stays with the key that made it, in its path and in later requests', async t => {
  const ids = new StateIds();
  answered(ids, ask('/openai/v1/responses', { body: { model: 'm' } }), 'b', {
    id: 'resp_1',
    object: 'response',
  });
  t.equal(keyOf(ids, '/openai/v1/responses/resp_1', GET), 'b');
  t.equal(keyOf(ids, '/openai/v1/responses/resp_1/input_items?limit=2', GET), 'b');
  t.equal(keyOf(ids, '/openai/v1/responses/resp_1/cancel'), 'b');
  t.equal(keyOf(ids, '/openai/v1/responses/resp%5F1', { method: 'DELETE' }), 'b');
  const next = (body: object) => keyOf(ids, '/openai/v1/responses', { body });
  t.equal(next({ model: 'm', previous_response_id: 'resp_1' }), 'b');
  t.equal(next({ model: 'm', input: [{ content: 'resp_1' }] }), null, 'said, not named');
  t.equal(next({ model: 'm', previous_response_id: 'resp_2' }), null);
  t.equal(keyOf(ids, '/openai/v1/responses/resp_2', GET), null);
  t.equal(keyOf(ids, '/mistral/v1/responses/resp_1', GET), null, 'ids are of one provider');
});

t.test('a stream states its id in its first event', async t => {
  const ids = new StateIds();
  const events = ['created', 'in_progress', 'completed'].map(
    type =>
      `event: response.${type}\ndata: ${JSON.stringify({ type: `response.${type}`, response: { id: 'resp_9', status: type, usage: { input_tokens: 3, output_tokens: 4 } } })}\n\n`,
  );
  const exchange = answered(ids, ask('/openai/v1/responses'), 'a', events.join(''), {
    type: 'text/event-stream',
  });
  t.equal(keyOf(ids, '/openai/v1/responses', { body: { previous_response_id: 'resp_9' } }), 'a');
  t.hasStrict(
    exchange.usage,
    { inputTokens: 3, outputTokens: 4, finishReason: 'completed' },
    'usage is read as ever',
  );
  const cut = new StateIds();
  answered(cut, ask('/openai/v1/responses'), 'a', events[0]!, { type: 'text/event-stream' });
  t.equal(cut.size, 1, 'also where the stream breaks off');
});

t.test('files, uploads and batches, with the files of batches', async t => {
  const ids = new StateIds();
  answered(ids, ask('/openai/v1/files'), 'b', { id: 'file-1', object: 'file' });
  answered(ids, ask('/openai/v1/uploads'), 'a', { id: 'upload_1' });
  answered(ids, ask('/openai/v1/uploads/upload_1/complete'), 'a', { id: 'upload_1', file: { id: 'file-2' } });
  t.equal(keyOf(ids, '/openai/v1/files/file-1/content', GET), 'b');
  t.equal(keyOf(ids, '/openai/v1/uploads/upload_1/parts'), 'a');
  t.equal(keyOf(ids, '/openai/v1/files/file-2', { method: 'DELETE' }), 'a');
  t.equal(keyOf(ids, '/openai/v1/files?after=file-1', GET), 'b');
  t.equal(keyOf(ids, '/openai/v1/batches', { body: { input_file_id: 'file-1', endpoint: '/v1/x' } }), 'b');
  answered(ids, ask('/openai/v1/batches', { body: { input_file_id: 'file-1' } }), 'b', { id: 'batch_1' });
  answered(ids, ask('/openai/v1/batches/batch_1', GET), 'b', {
    id: 'batch_1',
    output_file_id: 'file-3',
    error_file_id: 'file-4',
  });
  t.equal(keyOf(ids, '/openai/v1/files/file-3/content', GET), 'b');
  t.equal(keyOf(ids, '/openai/v1/files/file-4/content', GET), 'b');
  t.equal(keyOf(ids, '/openai/v1/fine_tuning/jobs', { body: { training_file: 'file-1' } }), 'b');
  const chat = { messages: [{ role: 'user', content: [{ type: 'file', file: { file_id: 'file-2' } }] }] };
  t.equal(keyOf(ids, '/openai/v1/chat/completions', { body: chat }), 'a');
  const tools = {
    tools: [{ type: 'code_interpreter', container: { type: 'auto', file_ids: ['file-x', 'file-2'] } }],
  };
  t.equal(keyOf(ids, '/openai/v1/responses', { body: tools }), 'a');
});

t.test('what no row describes: conversations, vector stores, containers', async t => {
  const ids = new StateIds();
  answered(ids, ask('/openai/v1/conversations', { body: {} }), 'a', { id: 'conv_1' });
  answered(ids, ask('/openai/v1/vector_stores', { body: {} }), 'b', { id: 'vs_1', name: 'x' });
  answered(ids, ask('/mistral/v1/conversations', { body: {} }), 'b', {
    conversation_id: 'conv_2',
    object: 'c',
  });
  t.equal(keyOf(ids, '/openai/v1/conversations/conv_1/items', GET), 'a');
  t.equal(keyOf(ids, '/openai/v1/responses', { body: { conversation: 'conv_1' } }), 'a');
  t.equal(keyOf(ids, '/openai/v1/responses', { body: { conversation: { id: 'conv_1' } } }), 'a');
  t.equal(keyOf(ids, '/openai/v1/responses', { body: { tools: [{ vector_store_ids: ['vs_1'] }] } }), 'b');
  t.equal(keyOf(ids, '/openai/v1/vector_stores/vs_1/search', { body: { query: 'q' } }), 'b');
  t.equal(keyOf(ids, '/mistral/v1/conversations/conv_2', GET), 'b');
});

t.test('messages: files, batches and what code left in a container', async t => {
  const ids = new StateIds();
  answered(ids, ask('/anthropic/v1/files'), 'a', { id: 'file_1', type: 'file' });
  answered(ids, ask('/anthropic/v1/messages/batches', { body: { requests: [] } }), 'b', { id: 'msgbatch_1' });
  answered(ids, ask('/anthropic/v1/messages', { body: {} }), 'b', {
    id: 'msg_1',
    type: 'message',
    container: { id: 'container_1' },
  });
  const source = { type: 'document', source: { type: 'file', file_id: 'file_1' } };
  t.equal(keyOf(ids, '/anthropic/v1/messages', { body: { messages: [{ content: [source] }] } }), 'a');
  t.equal(
    keyOf(ids, '/anthropic/v1/messages/count_tokens', { body: { messages: [{ content: [source] }] } }),
    'a',
  );
  t.equal(keyOf(ids, '/anthropic/v1/messages/batches/msgbatch_1/results', GET), 'b');
  t.equal(keyOf(ids, '/anthropic/v1/messages', { body: { container: 'container_1' } }), 'b');
  t.equal(
    keyOf(ids, '/anthropic/v1/messages', { body: { container: { id: 'container_1', skills: [] } } }),
    'b',
  );
  t.equal(keyOf(ids, '/anthropic/v1/messages/msg_1', GET), null, 'messages are not stored');
});

t.test('resource names: files, caches, batches, resumable uploads, interactions', async t => {
  const ids = new StateIds();
  const start = [
    'x-goog-upload-url',
    'https://generativelanguage.googleapis.com/upload/v1beta/files?upload_id=ABPtc-1&upload_protocol=resumable',
  ];
  answered(ids, ask('/google/upload/v1beta/files', { body: { file: {} } }), 'b', '', { headers: start });
  t.equal(keyOf(ids, '/google/upload/v1beta/files?upload_id=ABPtc-1&upload_protocol=resumable'), 'b');
  answered(ids, ask('/google/upload/v1beta/files?upload_id=ABPtc-1'), 'b', {
    file: { name: 'files/abc', uri: 'u' },
  });
  answered(ids, ask('/google/v1beta/cachedContents', { body: {} }), 'a', { name: 'cachedContents/xyz' });
  answered(ids, ask('/google/v1beta/models/m:batchGenerateContent', { body: {} }), 'a', {
    name: 'batches/q1',
  });
  answered(ids, ask('/google/v1beta/interactions', { body: {} }), 'b', { id: 'v1_abc', status: 'completed' });
  t.equal(keyOf(ids, '/google/v1beta/files/abc', GET), 'b');
  t.equal(keyOf(ids, '/google/v1beta/files/abc:download?alt=media', GET), 'b');
  t.equal(keyOf(ids, '/google/v1beta/cachedContents/xyz', { method: 'DELETE' }), 'a');
  t.equal(keyOf(ids, '/google/v1beta/batches/q1:cancel'), 'a');
  t.equal(keyOf(ids, '/google/v1beta/other/abc', GET), null, 'of another collection');
  const generate = (body: object) => keyOf(ids, '/google/v1beta/models/m:generateContent', { body });
  const fileUri = 'https://generativelanguage.googleapis.com/v1beta/files/abc';
  t.equal(generate({ contents: [{ parts: [{ fileData: { fileUri } }] }] }), 'b');
  t.equal(generate({ contents: [], cachedContent: 'cachedContents/xyz' }), 'a');
  t.equal(keyOf(ids, '/google/v1beta/interactions', { body: { previous_interaction_id: 'v1_abc' } }), 'b');
});

t.test('what is not learnt', async t => {
  const ids = new StateIds();
  answered(ids, ask('/openai/v1/responses'), 'a', { id: 'resp_1' }, { status: 400 });
  answered(ids, ask('/openai/v1/files/file-1', GET), 'a', { id: 'file-1' });
  answered(
    ids,
    ask('/openai/v1/files/file-1/content', GET),
    'a',
    '{"id":"batch_req_1"}\n{"id":"batch_req_2"}\n',
  );
  answered(ids, ask('/anthropic/v1/messages/batches/b/results', GET), 'a', '{"id":"line_1"}\n', {
    type: 'application/x-jsonl',
  });
  answered(ids, ask('/openai/v1/chat/completions'), 'a', { id: 'chatcmpl-1', choices: [] });
  answered(ids, ask('/groq/openai/v1/responses'), 'only', { id: 'resp_1' });
  answered(ids, ask('/openai/v1/responses', { body: { request_id: 'resp_mine' } }), 'a', { id: 'resp_mine' });
  for (const id of ['completions', 'two words 1', 'x', '', 7, null, { id: 'y_1' }, 'i_'.repeat(300)]) {
    answered(ids, ask('/openai/v1/responses'), 'a', { id });
  }
  t.equal(ids.size, 0);
});

t.test('one answer teaches a few ids at most', async t => {
  const ids = new StateIds();
  const lines = Array.from({ length: 50 }, (_, i) => JSON.stringify({ id: `resp_${i}` })).join('\n');
  answered(ids, ask('/openai/v1/responses'), 'a', lines);
  t.equal(ids.size, 8);
});

t.test('nothing is read where there is nothing to tell apart', async t => {
  const open = tapOpener(() => t.fail('nothing to learn'));
  const unmanaged = ask('/openai/v1/files', { managed: false });
  t.equal(open(unmanaged, 200, ['content-type', 'application/json']), null);
  const single = ask('/groq/openai/v1/files');
  single.poolKey = single.provider!.keys[0]!;
  t.equal(open(single, 200, ['content-type', 'application/json']), null);
  const download = ask('/openai/v1/files/f/content', GET);
  download.poolKey = download.provider!.keys[0]!;
  t.equal(open(download, 200, ['content-type', 'application/json']), null);
  t.equal(download.tapGaveUp, false);
  const encoded = ask('/openai/v1/files');
  encoded.poolKey = encoded.provider!.keys[0]!;
  t.equal(open(encoded, 200, ['content-encoding', 'unknown']), null);
  t.equal(encoded.tapGaveUp, false, 'no usage was looked for');
});

t.test('who brings a key of their own, and bodies that are not in hand or no JSON', async t => {
  const ids = new StateIds();
  answered(ids, ask('/openai/v1/responses'), 'b', { id: 'resp_1' });
  t.equal(keyOf(ids, '/openai/v1/responses/resp_1', { method: 'GET', managed: false }), null);
  t.equal(keyOf(ids, '/openai/v1/responses'), null);
  t.equal(
    keyOf(ids, '/openai/v1/responses', { body: '{"previous_response_id":"resp_1"' }),
    'b',
    'as far as it goes',
  );
  t.equal(keyOf(ids, '/openai/v1/responses', { body: 'previous_response_id=resp_1' }), null);
  t.equal(keyOf(ids, '/openai/v1/responses', { body: `${'['.repeat(600)}` }), null);
});

t.test('the body is collected only where it may name something that is remembered', async t => {
  const ids = new StateIds();
  const stage = new StateStage(ids);
  t.equal(stage.phase, 'authorize');
  const wants = (path: string, asked: Asked = {}) => {
    const exchange = ask(path, asked);
    t.equal(stage.run(exchange), undefined);
    return exchange.needsWholeBody;
  };
  t.equal(wants('/openai/v1/responses'), false, 'nothing is known');
  answered(ids, ask('/openai/v1/responses'), 'b', { id: 'resp_1' });
  t.equal(wants('/openai/v1/responses'), true);
  t.equal(wants('/openai/v1/chat/completions'), false, 'only files could be named, and none is known');
  t.equal(wants('/openai/v1/embeddings'), false);
  t.equal(wants('/openai/v1/files'), false, 'uploads stream');
  t.equal(wants('/groq/openai/v1/responses'), false, 'one key');
  t.equal(wants('/openai/v1/responses', { managed: false }), false);
  answered(ids, ask('/openai/v1/files'), 'b', { id: 'file-1' });
  t.equal(wants('/openai/v1/chat/completions'), true);
});

t.test('the number of ids is bounded, and files are not pushed out by talk', async t => {
  const ids = new StateIds();
  answered(ids, ask('/openai/v1/files'), 'b', { id: 'file-1' });
  const talk = ask('/openai/v1/responses');
  talk.poolKey = talk.provider!.keys[0]!;
  for (let i = 0; i < 100_010; i++) ids.learn(talk, `resp_${i}`);
  t.equal(ids.size, 100_001);
  t.equal(keyOf(ids, '/openai/v1/responses/resp_1', GET), null, 'forgotten');
  t.equal(keyOf(ids, '/openai/v1/responses/resp_100000', GET), 'a');
  t.equal(keyOf(ids, '/openai/v1/files/file-1', GET), 'b');
});
