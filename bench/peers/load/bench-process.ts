/**
 * The other side of every gateway, a process of its own: mock upstream and load client on one event loop, so that an
 * event is timed by one clock and neither waits for the kernel to schedule the other. Takes one order at a time.
 */
import { MockUpstream } from '../mock/upstream.ts';
import { closedLoop } from './closed-loop.ts';
import type { BenchMessage, LoadOrder, Measurement } from './orders.ts';
import { pacedRequests } from './paced-requests.ts';
import { slowStreams } from './slow-streams.ts';

const READ_BUFFER_BYTES = 65_536;

const readBuffer = Buffer.alloc(READ_BUFFER_BYTES);
const upstream = new MockUpstream();

process.on('message', (order: LoadOrder) => {
  run(order).then(
    measurement => tell({ type: 'measured', measurement }),
    (error: unknown) => tell({ type: 'failed', reason: String(error) }),
  );
});
process.on('disconnect', () => process.exit(0));
tell({ type: 'ready', port: await upstream.listen() });

function run(order: LoadOrder): Promise<Measurement> {
  switch (order.shape) {
    case 'closed':
      return closedLoop(order, readBuffer);
    case 'paced':
      return pacedRequests(order, readBuffer);
    case 'streams':
      return slowStreams(order, readBuffer, () => upstream.finishStreams());
  }
}

function tell(message: BenchMessage): void {
  process.send?.(message);
}
