/** The load client, a process of its own: takes one order at a time and answers with its measurement. */
import { closedLoop } from './closed-loop.ts';
import type { ClientMessage, LoadOrder, Measurement } from './orders.ts';
import { pacedRequests } from './paced-requests.ts';
import { slowStreams } from './slow-streams.ts';

const READ_BUFFER_BYTES = 65_536;

const readBuffer = Buffer.alloc(READ_BUFFER_BYTES);

process.on('message', (order: LoadOrder) => {
  run(order).then(
    measurement => tell({ type: 'measured', measurement }),
    (error: unknown) => tell({ type: 'failed', reason: String(error) }),
  );
});
process.on('disconnect', () => process.exit(0));
tell({ type: 'ready' });

function run(order: LoadOrder): Promise<Measurement> {
  switch (order.shape) {
    case 'closed':
      return closedLoop(order, readBuffer);
    case 'paced':
      return pacedRequests(order, readBuffer);
    case 'streams':
      return slowStreams(order, readBuffer, () => tell({ type: 'finish-streams' }));
  }
}

function tell(message: ClientMessage): void {
  process.send?.(message);
}
