import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import t from 'tap';
import { type BodyBound, BodyReading } from '../../../lib/limits/budgets/body-reading.ts';
import type { Endpoint } from '../../../lib/pipeline/index.ts';

const ENDPOINT = {
  outputLimits: ['/max_tokens', '/generationConfig/maxOutputTokens'],
  answerCounts: ['/n', '/generationConfig/candidateCount'],
  answerLists: ['/prompt'],
  pathModel: null,
  state: { references: new Set(['previous_response_id', 'conversation', 'vector_store_ids', 'file_id']) },
} as unknown as Endpoint;

function read(body: object | string): BodyBound {
  const bytes = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  const reading = new BodyReading(bytes, ENDPOINT);
  for (let offset = 64; !reading.readTo(offset); offset += 64);
  return reading.result;
}

const IMAGE = randomBytes(3000).toString('base64');

t.test('all of a text body counts, whatever it is about', async t => {
  const body = { messages: [{ role: 'user', content: 'data: image/png;base64, is how it begins' }] };
  const { textBytes, images, files, hasMedia } = read(body);
  t.equal(textBytes, JSON.stringify(body).length);
  t.strictSame({ images, files, hasMedia }, { images: 0, files: 0, hasMedia: false });
});

t.test('payloads are counted as images and files, in each way of naming them', async t => {
  const image = { images: 1, files: 0 };
  const file = { images: 0, files: 1 };
  const cases: readonly (readonly [string, object, object])[] = [
    [
      'chat, data URL',
      { content: [{ type: 'image_url', image_url: { url: `data:image/png;base64,${IMAGE}` } }] },
      image,
    ],
    [
      'chat, link',
      { content: [{ type: 'image_url', image_url: { url: 'https://pictures.example/1' } }] },
      image,
    ],
    ['responses, link', { input: [{ type: 'input_image', image_url: 'https://pictures.example/1' }] }, image],
    [
      'chat, audio',
      { content: [{ type: 'input_audio', input_audio: { data: IMAGE, format: 'wav' } }] },
      file,
    ],
    [
      'chat, file',
      { content: [{ type: 'file', file: { file_data: `data:application/pdf;base64,${IMAGE}` } }] },
      file,
    ],
    [
      'messages, image',
      { content: [{ type: 'image', source: { type: 'base64', media_type: 'image/png', data: IMAGE } }] },
      image,
    ],
    [
      'messages, type behind',
      { content: [{ type: 'image', source: { data: IMAGE, media_type: 'image/png' } }] },
      image,
    ],
    [
      'messages, document',
      {
        content: [
          { type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: IMAGE } },
        ],
      },
      file,
    ],
    [
      'messages, image by link',
      { content: [{ type: 'image', source: { type: 'url', url: 'https://pictures.example/1' } }] },
      image,
    ],
    [
      'generateContent',
      { contents: [{ parts: [{ inlineData: { mimeType: 'image/jpeg', data: IMAGE } }] }] },
      image,
    ],
    [
      'generateContent, video',
      { contents: [{ parts: [{ inline_data: { mime_type: 'video/mp4', data: IMAGE } }] }] },
      file,
    ],
    [
      'converse',
      { messages: [{ content: [{ image: { format: 'png', source: { bytes: IMAGE } } }] }] },
      image,
    ],
    ['local chat', { messages: [{ role: 'user', content: 'look', images: [IMAGE] }] }, image],
    ['nobody says what', { blob: { data: IMAGE } }, file],
  ];
  for (const [name, body, counts] of cases) {
    const { images, files, textBytes, hasMedia } = read(body);
    t.strictSame({ images, files }, counts, name);
    t.ok(hasMedia, name);
    t.ok(textBytes < 400, `${name}: ${textBytes} bytes of text`);
  }
});

t.test('what only looks like a payload is text', async t => {
  const words = 'all of this is plain text that somebody calls data. '.repeat(20);
  const cases: readonly object[] = [
    { source: { type: 'text', media_type: 'text/plain', data: words } },
    { messages: [{ content: IMAGE }] },
    { image: `data:text/plain,${words}` },
    { image_url: `data:image/png;base64,${IMAGE}${words}` },
    { messages: [{ role: 'user', content: `data:image/png;base64,${IMAGE}` }] },
    { instructions: `data:text/plain;base64,${IMAGE}` },
  ];
  for (const body of cases) t.equal(read(body).textBytes, JSON.stringify(body).length);
});

t.test('bounds are read where they are heeded, and of several the largest', async t => {
  t.hasStrict(read('{"max_tokens":5,"max_tokens":900,"max_tokens":7}'), { outputTokens: 900 });
  t.hasStrict(read('{"max\\u005ftokens":41.5}'), { outputTokens: 42 });
  t.hasStrict(read({ generationConfig: { maxOutputTokens: 10, candidateCount: 3 } }), {
    outputTokens: 10,
    answers: 3,
  });
  for (const body of [
    { other: { max_tokens: 3 } },
    { max_tokens: 0 },
    { max_tokens: -1 },
    { max_output_tokens: 3 },
    [{ max_tokens: 3 }],
  ])
    t.equal(read(body).outputTokens, null, JSON.stringify(body));
  t.hasStrict(read({ n: 0 }), { answers: 1 });
  t.notOk(read('{"max_tokens":5,"max_tokens":900,"max_completion_tokens":null}').mayAnswerMore);
});

t.test('where readers may differ on what is stated, more may come', async t => {
  for (const [body, outputTokens] of [
    ['{"max_tokens":3', 3],
    ['{"max_tokens":3} {"max_tokens":9000}', 3],
    ['{"max_tokens":3,"max_tokens":null}', 3],
    ['{"max_tokens":"3"}', 3],
    ['{"max_tokens":3,"max_tokens":"9000"}', 9000],
    ['{"max_tokens":{"a":1},"max_tokens":3}', 3],
    ['{"generationConfig":{"maxOutputTokens":3},"generationConfig":{}}', 3],
    ['{"generationConfig":{"maxOutputTokens":3},"generationConfig":null}', 3],
  ] as const)
    t.hasStrict(read(body), { outputTokens, mayAnswerMore: true }, body);
  t.equal(read('{"n":"7"}').answers, 7, 'some take text for a number');
});

t.test('each of several prompts has its answers', async t => {
  t.equal(read({ prompt: ['a', 'b', 'c'], n: 2 }).answers, 6);
  t.equal(
    read({
      prompt: [
        [1, 2],
        [3, 4],
      ],
    }).answers,
    2,
    'prompts of tokens',
  );
  t.equal(read({ prompt: [1, 2, 3] }).answers, 1, 'one prompt of tokens');
  t.equal(read({ prompt: '128' }).answers, 1);
  t.equal(read({ prompt: [], messages: ['a', 'b'] }).answers, 1);
});

t.test('a model that is named twice, each time another, is no model', async t => {
  t.ok(read('{"model":"cheap","model":"dear"}').hasOtherModel);
  t.ok(read('{"model":"cheap","mod\\u0065l":null}').hasOtherModel);
  t.notOk(read('{"model":"cheap","model":"cheap","other":{"model":"dear"}}').hasOtherModel);
});

t.test('what is stored at the provider is counted', async t => {
  t.equal(read({ previous_response_id: 'resp_1', conversation: { id: 'conv_1' } }).references, 2);
  t.equal(read({ tools: [{ type: 'x', vector_store_ids: ['a', 'b'] }] }).references, 2);
  t.equal(read({ previous_response_id: null, messages: [] }).references, 0);
  t.strictSame(read({ content: [{ type: 'input_file', file_id: 'file_1' }] }).files, 1);
});

t.test('answers in sound or pictures are asked for', async t => {
  t.ok(read({ modalities: ['text', 'audio'] }).hasMedia);
  t.ok(read({ generationConfig: { responseModalities: ['IMAGE'] } }).hasMedia);
});

t.test('never fewer bytes than the text of a request has', async t => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'grapheme', maxLength: 300 }), { maxLength: 8 }), texts => {
      const { textBytes } = read({ messages: texts.map(content => ({ role: 'user', content })) });
      return textBytes >= texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
    }),
  );
  fc.assert(
    fc.property(fc.jsonValue(), value => {
      const bound = read(JSON.stringify(value));
      return bound.textBytes >= 0 && bound.answers >= 1;
    }),
  );
  t.pass();
});
