// Takes the facts that `usage.sinks.webhooks` sends, each once: WEIR_HOOK_SECRET=whsec_… node webhook-receiver.ts 9000
import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';

interface Fact {
  readonly id: string;
  readonly subject: string | null;
  readonly inputTokens: number | null;
  readonly outputTokens: number | null;
}

const key = Buffer.from(process.env.WEIR_HOOK_SECRET!.slice('whsec_'.length), 'base64');
const seen = new Set<string>(); // in earnest: a unique column of your table

function isSigned(headers: NodeJS.Dict<string | string[]>, body: Buffer): boolean {
  const { 'webhook-id': id, 'webhook-timestamp': at, 'webhook-signature': given } = headers;
  if (Math.abs(Date.now() / 1000 - Number(at)) > 300) return false;
  const right = createHmac('sha256', key).update(`${id}.${at}.`).update(body).digest();
  return String(given)
    .split(' ')
    .map(one => Buffer.from(one.replace('v1,', ''), 'base64'))
    .some(one => one.length === right.length && timingSafeEqual(one, right));
}

const server = createServer(async (request, response) => {
  const body = Buffer.concat((await request.toArray()) as Buffer[]);
  if (!isSigned(request.headers, body)) {
    response.writeHead(401).end();
    return;
  }
  const { data } = JSON.parse(body.toString()) as { data: Fact[] };
  for (const fact of data.filter(({ id }) => !seen.has(id))) {
    seen.add(fact.id);
    console.log(`${fact.subject}: ${fact.inputTokens} in, ${fact.outputTokens} out`);
  }
  response.writeHead(204).end();
});

server.listen(Number(process.argv[2] ?? 9000), '127.0.0.1', () => {
  const { port } = server.address() as { port: number };
  console.log(`listening on http://127.0.0.1:${port}`);
});
