import { join } from 'node:path';
import type { Test } from 'tap';
import { type RunOptions, startMain } from './run-main.ts';

/** `weir serve` in this process with that config, once it listens. It is cut off when the test ends, unless a signal ended it. */
export async function startServing(t: Test, config: string | object, options?: RunOptions) {
  const text = typeof config === 'string' ? config : JSON.stringify(config);
  const file = join(t.testdir({ 'weir.yaml': text }), 'weir.yaml');
  const run = startMain(['serve', '--config', file], options);
  t.teardown(async () => {
    // Nothing listens to these where the test has ended it itself.
    for (let i = 0; i < 2; i++) run.signals.emit('SIGINT');
    await run.status;
  });
  const address = /^Weir listens on (\S+)$/m;
  const url = await run.stdout.changes.until(() => address.exec(run.stdout.text)?.[1], 'the address');
  /** Waits for words on stderr. */
  const said = (words: RegExp): Promise<boolean> =>
    run.stderr.changes.until(() => words.test(run.stderr.text), String(words));
  return { ...run, file, url, said };
}

/** Opens a stream of the demo; resolves after its first bytes. */
export async function openStream(url: string): Promise<ReadableStreamDefaultReader<Uint8Array>> {
  const response = await fetch(`${url}/demo/v1/chat/completions`, {
    method: 'POST',
    body: '{"model":"demo","stream":true,"messages":[]}',
  });
  const reader = response.body!.getReader();
  await reader.read();
  return reader;
}

/** The rest of a stream; rejects where it is broken off. */
export async function restOf(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return text;
    text += decoder.decode(value, { stream: true });
  }
}
