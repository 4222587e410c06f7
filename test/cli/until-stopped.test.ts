import { EventEmitter } from 'node:events';
import t from 'tap';
import { type Stoppable, untilStopped } from '../../lib/cli/until-stopped.ts';

class FakeGateway implements Stoppable {
  readonly closes: (object | undefined)[] = [];
  closedNow = 0;
  #drained: () => void = () => {};

  close(options?: object): Promise<void> {
    this.closes.push(options);
    return new Promise(resolve => {
      this.#drained = resolve;
    });
  }

  closeNow(): void {
    this.closedNow++;
  }

  drained(): void {
    this.#drained();
  }
}

t.test('SIGTERM drains with the lame duck, SIGINT without, and both end with 0', async t => {
  const cases = [
    ['SIGTERM', {}],
    ['SIGINT', { lameDuckMs: 0 }],
  ] as const;
  for (const [signal, options] of cases) {
    const gateway = new FakeGateway();
    const signals = new EventEmitter();
    const said: string[] = [];
    const stopped = untilStopped(gateway, signals, line => said.push(line));
    signals.emit(signal);
    t.same(gateway.closes, [options]);
    t.match(said, [/Draining/]);
    gateway.drained();
    t.equal(await stopped, 0);
    t.equal(gateway.closedNow, 0);
    t.same(signals.eventNames(), [], 'no listener is left');
  }
});

t.test('a second signal of either kind ends at once', async t => {
  const cases = [
    ['SIGTERM', 'SIGINT', 130],
    ['SIGINT', 'SIGINT', 130],
    ['SIGINT', 'SIGTERM', 143],
    ['SIGTERM', 'SIGTERM', 143],
  ] as const;
  for (const [first, second, status] of cases) {
    const gateway = new FakeGateway();
    const signals = new EventEmitter();
    const stopped = untilStopped(gateway, signals, () => {});
    signals.emit(first);
    signals.emit(second);
    t.equal(await stopped, status, `${first} ${second}`);
    t.equal(gateway.closedNow, 1);
    t.equal(gateway.closes.length, 1);
  }
});

t.test('a drain that fails is not swallowed', async t => {
  const signals = new EventEmitter();
  const stopped = untilStopped(
    { close: () => Promise.reject(new Error('drain broke')), closeNow: () => {} },
    signals,
    () => {},
  );
  signals.emit('SIGINT');
  await t.rejects(stopped, /drain broke/);
});
