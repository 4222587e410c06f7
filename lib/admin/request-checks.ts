import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { errorAnswer, type OpsAnswer } from './ops-answer.ts';

/** The host of a Host field without its port or brackets, lower case. */
function hostName(field: string): string {
  if (field.startsWith('[')) return field.slice(1, field.indexOf(']')).toLowerCase();
  const colon = field.indexOf(':');
  return (colon === -1 ? field : field.slice(0, colon)).toLowerCase();
}

/**
 * Refuses what a web page could have caused: a fetch from a page (it carries
 * `Origin`, or `Sec-Fetch-Site` says where from), and a name that was rebound
 * to this address (DNS rebinding). Null where nothing speaks against it.
 */
export function webPageFault(req: IncomingMessage, hosts: ReadonlySet<string>): OpsAnswer | null {
  const site = req.headers['sec-fetch-site'];
  if (req.headers.origin !== undefined || site === 'cross-site' || site === 'same-site')
    return errorAnswer(403, 'cross_site', 'Requests from web pages are refused here.');
  const { host } = req.headers;
  if (host === undefined) return null;
  const name = hostName(host);
  if (name === 'localhost' || isIP(name) !== 0 || hosts.has(name)) return null;
  const message = 'Use an IP address or localhost, or list this host name in ops.hosts of the config.';
  return errorAnswer(403, 'unknown_host', message);
}

/**
 * Whether a proxy in front might have read this request otherwise: two Host
 * fields, another version of HTTP, or a transfer coding besides `chunked`: node
 * takes all of these.
 */
export function isAmbiguous(req: IncomingMessage): boolean {
  const { httpVersion } = req;
  if (httpVersion !== '1.1' && httpVersion !== '1.0') return true;
  const coding = req.headers['transfer-encoding'];
  if (coding !== undefined && (coding.toLowerCase() !== 'chunked' || httpVersion !== '1.1')) return true;
  let hosts = 0;
  for (let i = 0; i < req.rawHeaders.length; i += 2) if (req.rawHeaders[i]!.toLowerCase() === 'host') hosts++;
  return hosts > 1;
}
