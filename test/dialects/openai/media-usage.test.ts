import t from 'tap';
import { openai } from '../../../lib/dialects/openai/index.ts';
import { foldJson, foldOf, known } from '../fold-documents.ts';

const at = (path: string) => openai.match('POST', path.split('/'));

t.test('embeddings have input only', t => {
  const fold = foldJson(at('v1/embeddings'), {
    model: 'e-1',
    data: [{ embedding: [0.1, 0.2] }],
    usage: { prompt_tokens: 6, total_tokens: 6, cost: 1.4e-7 },
  });
  t.same(known(fold.usage), { modelServed: 'e-1', inputTokens: 6, totalTokens: 6, costNanos: 140 });
  t.end();
});

t.test('a total alone is the input of embeddings and rerank', t => {
  for (const path of ['v1/embeddings', 'v1/rerank']) {
    const fold = foldJson(at(path), { model: 'v', usage: { total_tokens: 11 } });
    t.same(known(fold.usage), { modelServed: 'v', inputTokens: 11, totalTokens: 11 });
  }
  t.end();
});

t.test('a stated input of embeddings and rerank is not the total', t => {
  const usage = { prompt_tokens: 4, total_tokens: 6 };
  t.equal(foldJson(at('v1/rerank'), { usage }).usage.inputTokens, 4);
  t.equal(
    foldJson(at('v1/embeddings'), { usage: { input_tokens: 5, total_tokens: 6 } }).usage.inputTokens,
    5,
  );
  const total = foldJson(at('v1/images/generations'), { usage: { total_tokens: 6 } });
  t.equal(total.usage.inputTokens, null, 'elsewhere a total alone says nothing of its sides');
  t.end();
});

t.test('images in both spellings, with their number', t => {
  const one = foldJson(at('v1/images/generations'), {
    data: [{ b64_json: 'AAAA' }, { b64_json: 'BBBB' }],
    usage: {
      input_tokens: 20,
      input_tokens_details: { image_tokens: 12, text_tokens: 8 },
      output_tokens: 300,
      output_tokens_details: { image_tokens: 300 },
      total_tokens: 320,
    },
  });
  t.same(known(one.usage), {
    inputTokens: 20,
    outputTokens: 300,
    totalTokens: 320,
    imageInputTokens: 12,
    imageOutputTokens: 300,
    images: 2,
  });
  const other = foldJson(at('api/v1/images'), {
    data: [{}],
    usage: { prompt_tokens: 5, completion_tokens: 6, total_tokens: 11, cost: 0.03 },
  });
  t.same(known(other.usage), {
    inputTokens: 5,
    outputTokens: 6,
    totalTokens: 11,
    costNanos: 30_000_000,
    images: 1,
  });
  t.end();
});

t.test('images that nobody stated usage for are counted, but that is not stated usage', t => {
  const fold = foldJson(at('v1/images/generations'), { data: [{ url: 'u' }, { url: 'v' }] });
  t.same(known(fold.usage), { images: 2, stated: false });
  t.end();
});

t.test('a stream has one last event for each image', t => {
  const fold = foldOf(at('v1/images/generations'), [
    { event: 'image_generation.partial_image', json: { type: 'image_generation.partial_image' } },
    {
      event: 'image_generation.completed',
      json: {
        type: 'image_generation.completed',
        usage: { input_tokens: 3, output_tokens: 4, total_tokens: 7 },
      },
    },
  ]);
  t.same(known(fold.usage), { inputTokens: 3, outputTokens: 4, totalTokens: 7, images: 1 });
  t.equal(fold.ended, true);
  const event = (type: string) => ({ json: { type } });
  const two = foldOf(at('v1/images/edits'), [event('image_edit.completed'), event('image_edit.completed')]);
  t.equal(two.usage.measures.images, 2);
  const none = foldOf(at('v1/images/edits'), [event('image_edit.partial_image')]);
  t.equal(none.usage.measures.images, undefined);
  t.equal(none.ended, false);
  t.end();
});

t.test('transcriptions by tokens, by duration, and streamed', t => {
  const tokens = {
    type: 'tokens',
    input_tokens: 30,
    input_token_details: { text_tokens: 2, audio_tokens: 28 },
    output_tokens: 50,
    total_tokens: 80,
  };
  const read = { inputTokens: 30, outputTokens: 50, audioTokens: 28, audioInputTokens: 28, totalTokens: 80 };
  const transcriptions = at('v1/audio/transcriptions');
  t.same(known(foldJson(transcriptions, { text: 'words', usage: tokens }).usage), read);
  const spoken = { output_tokens: 8, output_token_details: { audio_tokens: 8 } };
  t.equal(foldJson(transcriptions, { usage: spoken }).usage.measures.audioOutputTokens, 8);
  t.same(
    known(foldJson(transcriptions, { text: 'words', usage: { type: 'duration', seconds: 2.5 } }).usage),
    {
      audioMs: 2500,
    },
  );
  t.same(known(foldJson(transcriptions, { text: 'x', usage: { seconds: 6, cost: 0.0006 } }).usage), {
    audioMs: 6000,
    costNanos: 600_000,
  });
  const fold = foldOf(transcriptions, [
    { json: { type: 'transcript.text.delta', delta: 'wo' } },
    { json: { type: 'transcript.text.done', text: 'words', usage: tokens } },
  ]);
  t.same(known(fold.usage), read);
  t.equal(fold.ended, true);
  t.end();
});

t.test('speech states usage in its last event', t => {
  const fold = foldOf(at('v1/audio/speech'), [
    { json: { type: 'speech.audio.delta', audio: 'AAAA' } },
    { json: { type: 'speech.audio.done', usage: { input_tokens: 4, output_tokens: 90, total_tokens: 94 } } },
  ]);
  t.same(known(fold.usage), { inputTokens: 4, outputTokens: 90, totalTokens: 94 });
  t.equal(fold.ended, true);
  t.end();
});

t.test('no usage, and an error', t => {
  t.same(known(foldJson(at('v1/audio/translations'), { text: 'words' }).usage), { stated: false });
  const fold = foldJson(at('v1/embeddings'), { error: { message: 'no' } });
  t.same(known(fold.usage), { stated: false });
  t.equal(fold.ended, true);
  t.end();
});
