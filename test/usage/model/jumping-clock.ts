import { isMainThread } from 'node:worker_threads';

/*
 * Loaded into a gateway before its own code. Its wall clock is the machine's and
 * WEIR_TEST_CLOCK_MS, jumps a day ahead at SIGUSR2 and a week back at SIGURG,
 * and it says so on stderr once it has.
 */

const DAY_MS = 86_400_000;
const machine = Date.now;
let aheadMs = Number(process.env.WEIR_TEST_CLOCK_MS ?? 0);
Date.now = () => machine() + aheadMs;

function jump(ms: number): void {
  aheadMs += ms;
  process.stderr.write(`the clock is ${aheadMs} ms ahead\n`);
}

if (isMainThread) {
  process.on('SIGUSR2', () => jump(DAY_MS));
  process.on('SIGURG', () => jump(-7 * DAY_MS));
}
