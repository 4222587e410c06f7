import { pick } from './pick.ts';

/** One trial call of a wire: what to send and how to read what comes back. */
export interface TrialWire {
  /** The path of a call below the API's base path, such as `/v1`. */
  path(base: string, model: string, stream: boolean): string;
  body(model: string, stream: boolean): object;
  /** How a stream is cut into JSON documents. */
  readonly framing: 'events' | 'lines';
  /** The text of a whole answer. */
  wholeText(answer: unknown): string;
  /** The text of one document of a stream, '' where it carries none. */
  pieceText(document: unknown): string;
}

const PROMPT = 'Reply with one short sentence.';
const OUTPUT_TOKENS_MAX = 256;

const messages = [{ role: 'user', content: PROMPT }];

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** Texts of an array of parts, joined: an answer may open with a part that is not text. */
function partTexts(parts: unknown): string {
  return Array.isArray(parts) ? parts.map(part => text(pick(part, 'text'))).join('') : '';
}

export const chatTrial: TrialWire = {
  path: base => `${base}/chat/completions`,
  body: (model, stream) => ({ model, messages, stream }),
  framing: 'events',
  wholeText: answer => text(pick(answer, 'choices', 0, 'message', 'content')),
  pieceText: document => text(pick(document, 'choices', 0, 'delta', 'content')),
};

const messagesTrial: TrialWire = {
  path: base => `${base}/messages`,
  body: (model, stream) => ({ model, max_tokens: OUTPUT_TOKENS_MAX, messages, stream }),
  framing: 'events',
  wholeText: answer => partTexts(pick(answer, 'content')),
  pieceText: document => text(pick(document, 'delta', 'text')),
};

const generateContentTrial: TrialWire = {
  path: (base, model, stream) =>
    `${base}/models/${encodeURIComponent(model.replace(/^models\//, ''))}:${
      stream ? 'streamGenerateContent?alt=sse' : 'generateContent'
    }`,
  body: () => ({ contents: [{ role: 'user', parts: [{ text: PROMPT }] }] }),
  framing: 'events',
  wholeText: answer => partTexts(pick(answer, 'candidates', 0, 'content', 'parts')),
  pieceText: document => partTexts(pick(document, 'candidates', 0, 'content', 'parts')),
};

const nativeChatTrial: TrialWire = {
  path: base => `${base}/chat`,
  body: (model, stream) => ({ model, messages, stream }),
  framing: 'lines',
  wholeText: answer => text(pick(answer, 'message', 'content')),
  pieceText: document => text(pick(document, 'message', 'content')),
};

const stagedChatTrial: TrialWire = {
  path: base => `${base}/v2/chat`,
  body: (model, stream) => ({ model, messages, stream }),
  framing: 'events',
  wholeText: answer => partTexts(pick(answer, 'message', 'content')),
  pieceText: document => text(pick(document, 'delta', 'message', 'content', 'text')),
};

/** Every wire a trial can speak. Those with a longer path of their own come before the one whose path ends alike. */
export const TRIAL_WIRES: readonly TrialWire[] = [
  chatTrial,
  messagesTrial,
  generateContentTrial,
  stagedChatTrial,
  nativeChatTrial,
];
