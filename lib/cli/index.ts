export { type CliIo, EXIT, type SignalSource } from './io.ts';
export { main } from './main.ts';
