import t from 'tap';
import { admit, admitted, exchangeOf, lab } from './sample.ts';

t.test('requests of an address, whoever they are of', async t => {
  const limits = await lab().open({ perAddress: { rpm: 5 } });
  t.equal(
    admitted(limits, () => ({ address: '192.0.2.1' }), 9),
    5,
  );
  t.equal(
    admitted(limits, () => ({ address: '192.0.2.2' }), 9),
    5,
  );
  t.equal(
    admitted(limits, () => ({ address: '' }), 9),
    9,
    'an unknown one is not limited',
  );
  const refusal = admit(limits, exchangeOf({ address: '192.0.2.1' }))!;
  t.equal(refusal.code, 'address_rate_limited');
  t.ok(refusal.retryAfterSeconds >= 60 && refusal.retryAfterSeconds <= 65);
});

t.test('all addresses of a /64 are one client', async t => {
  const limits = await lab().open({ perAddress: { rpm: 5 } });
  let i = 0;
  t.equal(
    admitted(limits, () => ({ address: `2001:db8:1:2:${(i++).toString(16)}::1` }), 50),
    5,
  );
  t.equal(
    admitted(limits, () => ({ address: '2001:db8:1:2::' }), 9),
    0,
  );
  t.equal(
    admitted(limits, () => ({ address: '2001:db8:1:3::' }), 9),
    5,
  );
});

t.test('many clients behind one connection of a trusted proxy', async t => {
  const limits = await lab().open({ perAddress: { rpm: 2 } });
  const socket = {};
  const addresses = ['192.0.2.1', '192.0.2.2', '192.0.2.3'];
  let i = 0;
  t.equal(
    admitted(limits, () => ({ socket, address: addresses[i++ % 3]! }), 30),
    6,
  );
});
