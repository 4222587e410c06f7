export { closedPort } from './closed-port.ts';
export type { PeerClose, UpstreamConnection } from './connection.ts';
export type { RecordedRequest } from './recorded-request.ts';
export { type SelfSigned, selfSigned } from './self-signed.ts';
export {
  awaitBody,
  chunk,
  chunked,
  closeDelimited,
  fin,
  type Gate,
  gate,
  halfClose,
  head,
  ignoreBody,
  last,
  pauseReading,
  raw,
  respond,
  resumeReading,
  rst,
  splitEvery,
  wait,
} from './steps.ts';
export { ConnectionGone, type Script, type Step, type Turn } from './turn.ts';
export { Upstream, type UpstreamOptions } from './upstream.ts';
