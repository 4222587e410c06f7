import t from 'tap';
import { gemini } from '../../../lib/dialects/gemini/index.ts';
import { foldJson, foldOf, known } from '../fold-documents.ts';

const interactions = gemini.match('POST', ['v1beta', 'interactions']);

const USAGE = {
  total_input_tokens: 20,
  total_tool_use_tokens: 5,
  total_output_tokens: 3,
  total_thought_tokens: 30,
  total_cached_tokens: 10,
  total_tokens: 58,
};
const READ = {
  modelServed: 'g-1',
  finishReason: 'completed',
  inputTokens: 25,
  outputTokens: 33,
  cachedInputTokens: 10,
  reasoningTokens: 30,
  totalTokens: 58,
  toolUsePromptTokens: 5,
};

t.test('a JSON answer', t => {
  const fold = foldJson(interactions, {
    object: 'interaction',
    status: 'completed',
    model: 'g-1',
    usage: USAGE,
  });
  t.same(known(fold.usage), READ);
  t.end();
});

t.test('a stream', t => {
  const created = { interaction: { status: 'in_progress', model: 'g-1' }, event_type: 'interaction.created' };
  const update = { status: 'in_progress', event_type: 'interaction.status_update' };
  const completed = {
    interaction: { status: 'completed', model: 'g-1', usage: USAGE },
    event_type: 'interaction.completed',
  };
  const cut = foldOf(interactions, [
    { event: 'interaction.created', json: created },
    { event: 'interaction.status_update', json: update },
  ]);
  t.same(known(cut.usage), { modelServed: 'g-1', stated: false });
  t.equal(cut.ended, false);
  const whole = foldOf(interactions, [{ json: created }, { json: update }, { json: completed }]);
  t.same(known(whole.usage), READ);
  t.equal(whole.ended, true);
  t.equal(foldOf(interactions, [{ json: created }, { text: '[DONE]' }]).ended, true);
  t.equal(foldOf(interactions, [{ json: { event_type: 'error' } }]).ended, true);
  t.equal(foldOf(interactions, [{ json: { error: { message: 'no' } } }]).ended, true);
  t.end();
});
