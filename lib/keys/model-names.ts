/**
 * What the name of a member, field or parameter says about the model of a call:
 *
 * - `model`, `models`: exactly these, where the call's own model and its stand-ins are stated;
 * - `lookalike`: one of these two to a reader that does not mind case or punctuation;
 * - `further`: names another model that has a part in the call, as tools, fallbacks and drafts do;
 * - `fallback`: stand-ins, as names or as objects that name some;
 * - `chooser`: something stored at the provider that brings a model of its own;
 * - `talk`: what is said to the model, or kept with the call: it chooses nothing;
 * - `tools`: a tool or several, wherever they stand;
 * - `none`: none of these.
 */
export type NameKind =
  | 'model'
  | 'models'
  | 'lookalike'
  | 'further'
  | 'fallback'
  | 'chooser'
  | 'talk'
  | 'tools'
  | 'none';

/** Longer names mean nothing to anybody. */
const NAME_CHARACTERS_MAX = 64;

const FURTHER = /(?:models?|deployments?)(?:ids?|names?|uris?|arns?|slugs?)?$/;
/** Lists of models that shall not be used. */
const AVERTED = /^(?:excluded|ignored|disallowed|blocked)/;
const FALLBACK = /fallbacks?$/;
const CHOOSERS: ReadonlySet<string> = new Set([
  'agent',
  'agentid',
  'assistant',
  'assistantid',
  'bot',
  'botid',
  'preset',
]);
/** Objects of the client's own making: what a member is called there has no meaning for the provider. */
const TALK: ReadonlySet<string> = new Set([
  'messages',
  'message',
  'contents',
  'content',
  'input',
  'inputs',
  'documents',
  'metadata',
  'labels',
  'instances',
  'variables',
  'promptVariables',
  'chat_history',
  'tool_results',
]);

/** Whether a name may come to one of those above once it is folded: nearly none does. */
const MATTERS =
  /[^\x20-\x7e]|m[^a-z]*o[^a-z]*d|d[^a-z]*e[^a-z]*p|f[^a-z]*a[^a-z]*l|p[^a-z]*r[^a-z]*e[^a-z]*s/i;

/**
 * A name as the most lenient reader has it: letters and digits only, case and
 * width put aside. Go's JSON decoder and .NET's web defaults do not mind case;
 * form readers take `model[]` for `model`.
 */
function fold(name: string): string {
  // Up, then down: a long s is an s to readers that fold case.
  return name
    .normalize('NFKC')
    .toUpperCase()
    .toLowerCase()
    .replace(/[^a-z0-9]/g, '');
}

/** Of a member of the body itself, a form field, a query parameter. */
export function outerKind(name: string): NameKind {
  if (name === 'model' || name === 'models') return name;
  if (name.length > NAME_CHARACTERS_MAX) return 'none';
  const folded = fold(name);
  if (folded === 'model' || folded === 'models') return 'lookalike';
  if (folded === 'engine') return 'further';
  return CHOOSERS.has(folded) ? 'chooser' : innerKind(name);
}

/** Of a member of an object further in, what is said to the model apart. */
export function innerKind(name: string): NameKind {
  if (name.length > NAME_CHARACTERS_MAX) return 'none';
  if (TALK.has(name)) return 'talk';
  if (!MATTERS.test(name)) return 'none';
  const folded = fold(name);
  if (folded === 'preset') return 'chooser';
  if (AVERTED.test(folded)) return 'none';
  if (FURTHER.test(folded)) return 'further';
  return FALLBACK.test(folded) ? 'fallback' : 'none';
}

const TOOLS_CHARACTERS_MAX = 8;
const NOT_LOWER_CASE = /[^a-z_]/;

/** Of a member of an object within what is said to the model: tools may be handed over there as well. */
export function talkKind(name: string): NameKind {
  if (name === 'tools' || name === 'tool') return 'tools';
  return name.length <= TOOLS_CHARACTERS_MAX && NOT_LOWER_CASE.test(name) && /^tools?$/.test(fold(name))
    ? 'tools'
    : 'none';
}
