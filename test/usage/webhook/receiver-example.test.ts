import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import t from 'tap';
import { Secret, systemClock } from '../../../lib/base/index.ts';
import { WebhookOutlet } from '../../../lib/usage/webhook/webhook-outlet.ts';
import { Changes } from '../../deadline/index.ts';
import { factText } from '../../store/fact-text.ts';

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';

t.test('the receiver of the docs takes each fact once, from whoever has the secret', async t => {
  const program = resolve(import.meta.dirname, '../../../docs/examples/webhook-receiver.ts');
  const child = spawn(process.execPath, [program, '0'], {
    env: { PATH: process.env.PATH, WEIR_HOOK_SECRET: SECRET },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(() => child.kill());
  const changes = new Changes();
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    changes.notify();
  });
  const url = await changes.until(() => /http:\S+/.exec(output)?.[0], 'its address');
  const deliver = (secret: string, ...seqs: number[]) => {
    const settings = { name: 'a', url, secret: new Secret(secret), batch: 10, timeoutMs: 5000 };
    const facts = seqs.map(seq => ({ id: `${seq}`, text: factText(seq, { inputTokens: seq }) }));
    return new WebhookOutlet(settings, systemClock).deliver(facts, new AbortController().signal);
  };
  t.equal(await deliver(SECRET, 1, 2), null);
  t.equal(await deliver(SECRET, 2, 3), null);
  t.match(await deliver('another secret altogether', 4), { problem: 'it answered 401' });
  await changes.until(() => output.includes('3 in'), 'the facts');
  t.strictSame(output.match(/\d in/g), ['1 in', '2 in', '3 in']);
});
