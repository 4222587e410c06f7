/**
 * Loaded before a program that would listen on every interface and cannot tell its port: makes it listen on
 * 127.0.0.1, on a port of the kernel's choice, and report that port.
 */
import { type AddressInfo, Server } from 'node:net';

type Listen = (options: object, listening?: () => void) => Server;

const listen = Server.prototype.listen as Listen;
Server.prototype.listen = function (this: Server, ...args: unknown[]): Server {
  const callback = args.find(arg => typeof arg === 'function') as (() => void) | undefined;
  this.once('listening', () => process.send?.({ port: (this.address() as AddressInfo).port }));
  return listen.call(this, { host: '127.0.0.1', port: 0, backlog: 2048 }, callback);
} as typeof Server.prototype.listen;
process.on('disconnect', () => process.exit(0));
