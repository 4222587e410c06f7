import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { exchange } from '../client/index.ts';
import { within } from '../deadline/index.ts';
import type { WeirProcess } from '../process/index.ts';

/** Gives a running gateway one config after the other. */
export class ConfigReplacer {
  readonly #weir: WeirProcess;
  #generation = 0;

  constructor(weir: WeirProcess) {
    this.#weir = weir;
  }

  /**
   * Replaces the config whole, as editors do, and returns once it serves: a
   * provider of its own is known then. What the gateway says of reloads is no
   * sign, since it also reloads when it sees the file change.
   */
  async serve(config: Readonly<Record<string, unknown>>): Promise<void> {
    const name = `generation-${++this.#generation}`;
    const providers = {
      ...(config.providers as object),
      [name]: { origin: 'http://127.0.0.1:1', dialect: 'openai', auth: 'none' },
    };
    const file = join(this.#weir.folder, 'weir.yaml');
    writeFileSync(`${file}.next`, JSON.stringify({ ...config, providers }));
    renameSync(`${file}.next`, file);
    this.#weir.signal('SIGHUP');
    await within(this.#known(name), `the config to serve\n${this.#weir.stderr.slice(-2000)}`);
  }

  async #known(name: string): Promise<void> {
    for (;;) {
      const { status } = await exchange(this.#weir.port, { method: 'HEAD', target: `/${name}` });
      if (status === 200) return;
    }
  }
}
