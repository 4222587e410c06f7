export { type Exchanged, exchange, type RequestParts, readAnswer, requestBytes } from './exchange.ts';
export { RawClient, type RawClientTarget } from './raw-client.ts';
export { type Ending, ResponseBody, type ResponseHead } from './response.ts';
