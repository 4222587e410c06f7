import t from 'tap';
import { admit, admitted, end, exchangeOf, keyOf, lab, metric } from './sample.ts';

const principal = keyOf('a');
const asked = () => ({ principal });
const small = () => ({ principal, maxOutputTokens: 50 });

t.test('a reload keeps what was counted, whatever numbers change', async t => {
  const { clock, open } = lab();
  const first = await open({ perKey: { rpm: 10, concurrency: 2 } });
  const running = exchangeOf({ principal });
  t.equal(admit(first, running), undefined);
  t.equal(admitted(first, asked, 6), 6);
  const second = await open({ perKey: { rpm: 8, concurrency: 1 } }, first);
  t.equal(admit(second, exchangeOf({ principal }))?.code, 'concurrency_limited', 'it still runs');
  end(running, 'complete');
  t.equal(admitted(second, asked, 9), 1);
  await first.close();
  const third = await open({ perKey: { rpm: 20 }, perAddress: { rpm: 5 } }, second);
  await second.close();
  t.equal(admitted(third, asked, 50), 12);
  const fourth = await open({}, third);
  await third.close();
  const fifth = await open({ perKey: { rpm: 20 } }, fourth);
  t.equal(admitted(fifth, asked, 50), 0, 'also over a config without the limit');
  clock.pass(66_000);
  t.equal(admitted(fifth, asked, 50), 20);
});

t.test('another size of sketch gives no free window, and is alone a window later', async t => {
  const { clock, open } = lab();
  const first = await open({ perKey: { rpm: 10, tpm: 1000 } });
  t.equal(admitted(first, small, 4), 4);
  const second = await open({ perKey: { rpm: 10, tpm: 1000 }, sketch: { width: 1024, depth: 2 } }, first);
  await first.close();
  t.equal(admitted(second, small, 9), 6);
  t.equal(admit(second, exchangeOf({ principal, method: 'GET' }))?.code, 'rate_limited');
  clock.pass(30_000);
  const third = await open({ perKey: { rpm: 10, tpm: 1000 }, sketch: { width: 2048, depth: 2 } }, second);
  t.equal(admitted(third, small, 9), 0, 'not after two changes either');
  clock.pass(36_000);
  t.equal(admitted(third, small, 50), 10, 'the first ones have left');
  clock.pass(30_000);
  t.equal(admitted(third, small, 50), 0);
  clock.pass(36_000);
  t.equal(admitted(third, small, 50), 10);
});

t.test('after a change of size the old counts count for as long as they would have', async t => {
  const { clock, open } = lab();
  const first = await open({ perKey: { rpm: 10 } });
  // The last moment of a slot: it has 60 seconds left in the window.
  while (admitted(first, asked, 1) === 1) clock.pass(10);
  const second = await open({ perKey: { rpm: 10 }, sketch: { width: 1024, depth: 2 } }, first);
  for (let elapsed = 0; elapsed < 60; elapsed++) {
    t.equal(admitted(second, asked, 1), 0, `${elapsed} s later`);
    clock.pass(1000);
  }
});

t.test('a reservation made before a change of size is settled after it', async t => {
  const { open } = lab();
  const first = await open({ perKey: { tpm: 1000 } });
  const before = exchangeOf({ principal, maxOutputTokens: 900 });
  t.equal(admit(first, before), undefined);
  const second = await open({ perKey: { tpm: 1000 }, sketch: { width: 1024, depth: 2 } }, first);
  const during = exchangeOf({ principal, maxOutputTokens: 200 });
  t.equal(admit(second, during)?.code, 'token_rate_limited');
  end(before, 'complete', { input: 0, output: 100 });
  const then = exchangeOf({ principal, maxOutputTokens: 900 });
  t.equal(admit(second, then), undefined);
  end(then, 'clientAborted', { sent: false });
  t.equal(admit(second, exchangeOf({ principal, maxOutputTokens: 900 })), undefined, 'in both sketches');
});

t.test('a reload that is called off leaves the old one as it was', async t => {
  const { clock, open } = lab();
  const first = await open({ perKey: { rpm: 10 } });
  t.equal(admitted(first, asked, 4), 4);
  const second = await open({ perKey: { rpm: 99 }, sketch: { width: 1024, depth: 1 } }, first);
  await second.close();
  t.equal(admitted(first, asked, 50), 6);
  clock.pass(66_000);
  t.equal(admitted(first, asked, 50), 10);
  t.strictSame(metric(first, 'weir_limit_window_count'), { keyRequests: 10 });
});
