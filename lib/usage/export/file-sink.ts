import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';

/** A file that was written, as a manifest names it. */
export interface WrittenFile {
  readonly bytes: number;
  /** Hexadecimal. */
  readonly sha256: string;
}

/** Writes a new file from its beginning to its end, hashing what it writes. The methods throw where the disk does not take it. */
export class FileSink {
  readonly #handle: FileHandle;
  readonly #hash = createHash('sha256');
  #bytes = 0;

  private constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  /** Readable by the owner and the group. */
  static async create(file: string): Promise<FileSink> {
    return new FileSink(await open(file, 'wx', 0o640));
  }

  get bytes(): number {
    return this.#bytes;
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.#hash.update(bytes);
    this.#bytes += bytes.length;
    for (let at = 0; at < bytes.length; )
      at += (await this.#handle.write(bytes, at, bytes.length - at)).bytesWritten;
  }

  /** On the disk when this resolves. */
  async finish(): Promise<WrittenFile> {
    await this.#handle.sync();
    await this.#handle.close();
    return { bytes: this.#bytes, sha256: this.#hash.digest('hex') };
  }

  /** Lets go of a file that will not be finished. */
  async abandon(): Promise<void> {
    await this.#handle.close().catch(() => {});
  }
}
