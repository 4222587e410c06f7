import t from 'tap';
import { ollama } from '../../../lib/dialects/ollama/index.ts';
import { foldJson, foldOf, known } from '../fold-documents.ts';

const chat = ollama.match('POST', ['api', 'chat']);
const embed = ollama.match('POST', ['api', 'embed']);
const LAST = {
  model: 'l-1',
  done: true,
  done_reason: 'stop',
  prompt_eval_count: 12,
  eval_count: 30,
  eval_duration: 9e9,
};
const READ = { modelServed: 'l-1', finishReason: 'stop', inputTokens: 12, outputTokens: 30 };

t.test('one object, or lines of which the last has the counts', t => {
  t.same(known(foldJson(chat, LAST).usage), READ);
  const line = { json: { model: 'l-1', message: { content: 'x' }, done: false } };
  t.equal(foldOf(chat, [line, line]).ended, false);
  const fold = foldOf(chat, [line, line, { json: LAST }]);
  t.same(known(fold.usage), READ);
  t.equal(fold.ended, true);
  t.equal(chat?.mandatoryEnd, true);
  t.end();
});

t.test('a prompt from cache has no count, which is not zero', t => {
  const { prompt_eval_count, ...rest } = LAST;
  t.equal(foldJson(chat, rest).usage.inputTokens, null);
  t.equal(foldJson(chat, rest).usage.outputTokens, 30);
  t.equal(prompt_eval_count, 12);
  t.end();
});

t.test('an error line ends a stream', t => {
  const fold = foldOf(chat, [{ json: { model: 'l-1', done: false } }, { json: { error: 'out of memory' } }]);
  t.equal(fold.ended, true);
  t.same(known(fold.usage), { modelServed: 'l-1', stated: false });
  t.end();
});

t.test('embeddings', t => {
  t.same(known(foldJson(embed, { model: 'e-1', embeddings: [[0.1]], prompt_eval_count: 3 }).usage), {
    modelServed: 'e-1',
    inputTokens: 3,
  });
  t.end();
});
