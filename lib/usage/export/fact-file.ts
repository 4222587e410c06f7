import { csvLine, FACT_CSV_HEAD } from './csv.ts';
import type { FactValue } from './fact-columns.ts';
import { FileSink, type WrittenFile } from './file-sink.ts';

export const EXPORT_FORMATS = ['csv', 'parquet', 'ndjson'] as const;

export type ExportFormat = (typeof EXPORT_FORMATS)[number];

export interface ExportedFact {
  /** The JSON text as the store has it. */
  readonly text: string;
  /** By column. */
  readonly values: readonly FactValue[];
}

/** A file of facts under way. Its methods throw where the disk does not take it. */
export interface FactFile {
  readonly bytes: number;
  add(facts: readonly ExportedFact[]): Promise<void>;
  finish(): Promise<WrittenFile>;
  /** Lets go of it unfinished. */
  abandon(): Promise<void>;
}

/** Begins a file. What writes Parquet is loaded only for that. */
export async function createFactFile(format: ExportFormat, path: string): Promise<FactFile> {
  const sink = await FileSink.create(path);
  if (format === 'parquet') {
    const { ParquetFile } = await import('./parquet-file.ts');
    return new ParquetFile(sink);
  }
  if (format === 'ndjson') return new LinesFile(sink, '', fact => `${fact.text}\n`);
  return new LinesFile(sink, FACT_CSV_HEAD, fact => csvLine(fact.values));
}

class LinesFile implements FactFile {
  readonly #sink: FileSink;
  readonly #line: (fact: ExportedFact) => string;
  #head: string;

  constructor(sink: FileSink, head: string, line: (fact: ExportedFact) => string) {
    this.#sink = sink;
    this.#head = head;
    this.#line = line;
  }

  get bytes(): number {
    return this.#sink.bytes;
  }

  async add(facts: readonly ExportedFact[]): Promise<void> {
    const text = this.#head + facts.map(this.#line).join('');
    this.#head = '';
    await this.#sink.write(Buffer.from(text));
  }

  async finish(): Promise<WrittenFile> {
    await this.add([]);
    return this.#sink.finish();
  }

  abandon(): Promise<void> {
    return this.#sink.abandon();
  }
}
