/** CLOCK_MONOTONIC in whole microseconds: one clock for every process of the machine. */
export function monotonicMicros(): number {
  const [seconds, nanos] = process.hrtime();
  return seconds * 1_000_000 + Math.floor(nanos / 1000);
}
