import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { lstat, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import {
  type ListedFile,
  MANIFEST_FILE,
  type ReadManifest,
  readManifest,
  SIGNATURE_FILE,
} from './manifest.ts';
import { isSignedBy } from './signing-key.ts';

/** What is wrong with one file of an export. */
export interface FileFault {
  readonly file: string;
  /** Stands behind the file's name. */
  readonly problem: string;
}

export interface Verified {
  /** Null where it cannot be read. */
  readonly manifest: ReadManifest | null;
  /** Empty: every file is as the manifest says, and the manifest as it was signed where a key was given. */
  readonly faults: readonly FileFault[];
}

/**
 * Reads an export and compares it with its manifest. Without a public key
 * (`k4.public.…`, one that may be trusted) nothing is said about who made it.
 */
export async function verifyExport(folder: string, publicKey: string | null): Promise<Verified> {
  const bytes = await readOwn(join(folder, MANIFEST_FILE));
  const manifest = bytes === null ? null : readManifest(bytes.toString('utf8'));
  if (bytes === null || manifest === null) {
    const problem = bytes === null ? 'cannot be read' : 'is no manifest of an export';
    return { manifest: null, faults: [{ file: MANIFEST_FILE, problem }] };
  }
  const faults: FileFault[] = [];
  if (publicKey !== null) {
    const signature = await readOwn(join(folder, SIGNATURE_FILE));
    const fault = signatureFault(bytes, signature, publicKey);
    // What the manifest says counts for nothing then.
    if (fault !== null) return { manifest, faults: [fault] };
  }
  for (const listed of manifest.files) {
    const problem = await fileProblem(join(folder, listed.name), listed);
    if (problem !== null) faults.push({ file: listed.name, problem });
  }
  return { manifest, faults: [...faults, ...(await unlisted(folder, manifest))] };
}

function signatureFault(manifest: Buffer, signature: Buffer | null, publicKey: string): FileFault | null {
  if (signature === null) return { file: SIGNATURE_FILE, problem: 'cannot be read: nobody signed this' };
  if (isSignedBy(publicKey, manifest, signature)) return null;
  return { file: MANIFEST_FILE, problem: 'is not what was signed with this key' };
}

/** A link leads to what may be another file tomorrow, or has no end. */
async function isOwnFile(path: string): Promise<boolean> {
  return lstat(path).then(
    found => found.isFile(),
    () => false,
  );
}

/** A small file whole; null where it cannot be read. */
async function readOwn(path: string): Promise<Buffer | null> {
  return (await isOwnFile(path)) ? readFile(path).catch(() => null) : null;
}

async function fileProblem(path: string, { bytes, sha256 }: ListedFile): Promise<string | null> {
  if (existsSync(path) && !(await isOwnFile(path))) return 'is no file of its own';
  const found = await hashOf(path).catch(() => null);
  if (found === null) return 'cannot be read';
  if (found.bytes !== bytes) return `has ${found.bytes} bytes, not ${bytes}`;
  return found.sha256 === sha256 ? null : 'has other contents than the manifest says';
}

/** SHA-256 of a file, read as a stream. @throws where it cannot be read. */
export async function hashOf(path: string): Promise<{ readonly bytes: number; readonly sha256: string }> {
  const hash = createHash('sha256');
  let bytes = 0;
  await pipeline(createReadStream(path), async chunks => {
    for await (const chunk of chunks as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      hash.update(chunk);
    }
  });
  return { bytes, sha256: hash.digest('hex') };
}

/** A file more would be read by whoever reads `facts-*`. */
async function unlisted(folder: string, { files }: ReadManifest): Promise<readonly FileFault[]> {
  const known = new Set([MANIFEST_FILE, SIGNATURE_FILE, ...files.map(({ name }) => name)]);
  const found = (await readdir(folder)).sort();
  return found.filter(name => !known.has(name)).map(file => ({ file, problem: 'is not in the manifest' }));
}
