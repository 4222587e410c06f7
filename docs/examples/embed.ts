// Weir inside another Node service: its own routes beside the relay.
import { createServer } from 'node:http';
import { createGateway } from 'weir-gateway';

const gateway = await createGateway({
  providers: { demo: {} },
});

gateway.on('fact', fact => {
  console.log(`${fact.provider} ${fact.modelServed}: ${fact.inputTokens} in, ${fact.outputTokens} out`);
});

const server = createServer((req, res) => {
  if (req.url === '/hello') res.end('a route of this service\n');
  else gateway.handler(req, res);
});

server.listen(Number(process.argv[2] ?? 3000), '127.0.0.1', () => {
  const { port } = server.address() as { port: number };
  console.log(`listening on http://127.0.0.1:${port}`);
});

process.once('SIGTERM', async () => {
  server.close();
  await gateway.close();
});
