import { ByteWriter, ParquetWriter, type SchemaElement } from 'hyparquet-writer';
import { type ColumnKind, FACT_COLUMNS, type FactValue } from './fact-columns.ts';
import type { ExportedFact, FactFile } from './fact-file.ts';
import type { FileSink, WrittenFile } from './file-sink.ts';

/** What is in memory at a time: a row group is encoded as a whole, column by column. */
const ROWS_PER_GROUP = 10_000;

const TYPES: Readonly<Record<ColumnKind, Omit<SchemaElement, 'name'>>> = {
  text: { type: 'BYTE_ARRAY', converted_type: 'UTF8', logical_type: { type: 'STRING' } },
  // Text, not the JSON type: tags stay as they were written, byte for byte.
  json: { type: 'BYTE_ARRAY', converted_type: 'UTF8', logical_type: { type: 'STRING' } },
  count: { type: 'INT64' },
  flag: { type: 'BOOLEAN' },
  time: {
    type: 'INT64',
    converted_type: 'TIMESTAMP_MILLIS',
    logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MILLIS' },
  },
};

const SCHEMA: SchemaElement[] = [
  { name: 'facts', num_children: FACT_COLUMNS.length },
  ...FACT_COLUMNS.map(
    ({ name, kind }): SchemaElement => ({
      ...TYPES[kind],
      name,
      repetition_type: 'OPTIONAL',
    }),
  ),
];

/**
 * A Parquet file that goes to the disk row group by row group. What it holds
 * in memory is one group, and for each group that went before some hundred
 * bytes a column, which the end of the file lists.
 */
export class ParquetFile implements FactFile {
  readonly #sink: FileSink;
  readonly #buffer = new ByteWriter();
  readonly #writer: ParquetWriter;
  #rows: (readonly FactValue[])[] = [];

  constructor(sink: FileSink) {
    this.#sink = sink;
    this.#writer = new ParquetWriter({ writer: this.#buffer, schema: SCHEMA, createdBy: 'weir' });
  }

  get bytes(): number {
    return this.#sink.bytes;
  }

  async add(facts: readonly ExportedFact[]): Promise<void> {
    for (const { values } of facts) {
      this.#rows.push(values);
      if (this.#rows.length === ROWS_PER_GROUP) await this.#writeGroup();
    }
  }

  async #writeGroup(): Promise<void> {
    const rows = this.#rows;
    this.#rows = [];
    const columnData = FACT_COLUMNS.map(({ name, kind }, i) => ({
      name,
      data: rows.map(row => physical(kind, row[i]!)),
    }));
    await this.#writer.write({ columnData, rowGroupSize: ROWS_PER_GROUP });
    await this.#drain();
  }

  /** The writer counts positions in `offset`; what lies in its buffer may go at any time. */
  async #drain(): Promise<void> {
    await this.#sink.write(this.#buffer.getBytes());
    this.#buffer.index = 0;
  }

  async finish(): Promise<WrittenFile> {
    if (this.#rows.length > 0) await this.#writeGroup();
    await this.#writer.finish();
    await this.#drain();
    return this.#sink.finish();
  }

  abandon(): Promise<void> {
    return this.#sink.abandon();
  }
}

function physical(kind: ColumnKind, value: FactValue): FactValue | bigint {
  if (value === null) return null;
  if (kind === 'count') return BigInt(value as number);
  return kind === 'time' ? BigInt(Date.parse(value as string)) : value;
}
