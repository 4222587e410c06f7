export { type Bytes, bytes } from './bytes.ts';
export { ChunkedDecoder, chunkFrame, lastChunk } from './chunked.ts';
export { type Fields, fieldValues, formatFields, type Head, parseHead } from './head.ts';
export { WireFault } from './wire-fault.ts';
