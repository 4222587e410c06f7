import t from 'tap';
import { listenFault } from '../../lib/cli/listen-fault.ts';

const fault = (code: string): Error => Object.assign(new Error(`listen ${code}`), { code });

t.test('the place and the remedy are said', async t => {
  const port = { host: '127.0.0.1', port: 8787, section: 'listen' } as const;
  const ops = { ...port, port: 8788, section: 'ops' } as const;
  const socket = { ...port, path: '/run/weir.sock' };
  const cases = [
    ['EADDRINUSE', port, /127\.0\.0\.1:8787: another program[\s\S]*listen: \{ port: 8788 \}/],
    ['EADDRINUSE', ops, /127\.0\.0\.1:8788: another program[\s\S]*ops: \{ port: 8789 \}$/],
    ['EADDRINUSE', socket, /\/run\/weir\.sock: the socket file is there already/],
    ['EACCES', port, /Ports below 1024/],
    ['EACCES', socket, /folder may not be written/],
    ['EADDRNOTAVAIL', port, /Set the host to one of its own/],
    ['ENOTFOUND', port, /Set the host to an address/],
    ['ENOENT', socket, /folder of the socket does not exist/],
    ['ERR_OSSL_PEM_NO_START_LINE', port, /listen\.tls/],
    ['EWEIRD', port, /listen EWEIRD/],
  ] as const;
  for (const [code, place, words] of cases) t.match(listenFault(fault(code), place), words, code);
});
