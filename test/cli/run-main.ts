import { EventEmitter } from 'node:events';
import { Writable } from 'node:stream';
import { main } from '../../lib/cli/index.ts';
import { Changes } from '../deadline/index.ts';

/** Keeps what is written to it. */
export class Captured extends Writable {
  text = '';
  readonly changes = new Changes();

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString('utf8');
    this.changes.notify();
    done();
  }
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly isTty?: boolean;
}

/** A command line in this process, with its own streams and signals. */
export function startMain(argv: readonly string[], { env = {}, isTty = false }: RunOptions = {}) {
  const stdout = new Captured();
  const stderr = new Captured();
  const signals = new EventEmitter();
  const status = main(argv, { env, stdout, stderr, isTty, invocation: 'weir', signals });
  return { stdout, stderr, signals, status };
}

/** The same for a command that ends by itself. */
export async function runMain(argv: readonly string[], options?: RunOptions) {
  const { stdout, stderr, status } = startMain(argv, options);
  return { status: await status, stdout: stdout.text, stderr: stderr.text };
}
