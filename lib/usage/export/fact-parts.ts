import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { createFactFile, type ExportedFact, type ExportFormat, type FactFile } from './fact-file.ts';
import type { WrittenFile } from './file-sink.ts';
import type { Manifest } from './manifest.ts';
import { Totals } from './totals.ts';

/** Far below the 5 GiB that an S3 bucket takes at once, and a part that fails is sent again alone. */
const FILE_FACTS_MAX = 1_000_000;
const FILE_BYTES_MAX = 1024 ** 3;
const NAME_DIGITS = 4;
const NAME_HASH_CHARS = 16;

export interface PartsOrder {
  readonly format: ExportFormat;
  readonly namesHash?: boolean;
  readonly fileFactsMax?: number;
}

/** The facts of an export, file after file. There is always one, also without a fact. */
export class FactParts {
  readonly files: Manifest['files'][number][] = [];
  readonly #folder: string;
  readonly #order: PartsOrder;
  #file: FactFile | null = null;
  #totals = new Totals();
  #facts = 0;

  constructor(folder: string, order: PartsOrder) {
    this.#folder = folder;
    this.#order = order;
  }

  get #path(): string {
    return join(this.#folder, `facts-${this.#number}.${this.#order.format}`);
  }

  get #number(): string {
    return String(this.files.length + 1).padStart(NAME_DIGITS, '0');
  }

  async add(facts: readonly ExportedFact[]): Promise<void> {
    const most = this.#order.fileFactsMax ?? FILE_FACTS_MAX;
    for (let at = 0; at < facts.length; ) {
      this.#file ??= await createFactFile(this.#order.format, this.#path);
      const some = facts.slice(at, at + most - this.#facts);
      for (const { values } of some) this.#totals.add(values);
      await this.#file.add(some);
      at += some.length;
      this.#facts += some.length;
      if (this.#facts === most || this.#file.bytes >= FILE_BYTES_MAX) await this.#close(this.#file);
    }
  }

  async endFile(): Promise<void> {
    if (this.files.length === 0) this.#file ??= await createFactFile(this.#order.format, this.#path);
    if (this.#file !== null) await this.#close(this.#file);
  }

  async #close(file: FactFile): Promise<void> {
    const written = await file.finish();
    this.#file = null;
    const { format, namesHash = false } = this.#order;
    const name = await finalName(this.#folder, `facts-${this.#number}`, format, written, namesHash);
    this.files.push({ content: 'facts', name, ...written, totals: this.#totals.value });
    this.#totals = new Totals();
    this.#facts = 0;
  }

  async abandon(): Promise<void> {
    await this.#file?.abandon();
  }
}

/** The name that a written file keeps, and has from then on. */
export async function finalName(
  folder: string,
  stem: string,
  extension: string,
  { sha256 }: WrittenFile,
  namesHash: boolean,
): Promise<string> {
  const name = `${stem}.${extension}`;
  if (!namesHash) return name;
  const hashed = `${stem}.${sha256.slice(0, NAME_HASH_CHARS)}.${extension}`;
  await rename(join(folder, name), join(folder, hashed));
  return hashed;
}
