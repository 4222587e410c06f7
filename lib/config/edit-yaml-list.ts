import {
  closeSync,
  existsSync,
  fchmodSync,
  fchownSync,
  fsyncSync,
  openSync,
  realpathSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { dirname, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { Document, isCollection, isNode, isScalar, isSeq, YAMLSeq } from 'yaml';
import { composeYaml } from './compose-yaml.ts';
import { readCapped } from './read-capped.ts';
import { parseYaml } from './yaml-tree.ts';

export interface YamlListChange {
  /** Chooses the entries that are to go. */
  matches(entry: unknown): boolean;
  /** Takes the place of the first of them, or comes last; null takes none. */
  readonly replacement: object | null;
}

export type YamlList =
  | { readonly ok: true; readonly entries: readonly unknown[] }
  /** `message` is for a person and names the file. */
  | { readonly ok: false; readonly message: string };

export type YamlListEdit =
  | {
      readonly ok: true /** Entries that matched. */;
      readonly matched: number /** Entries there are now. */;
      readonly count: number;
    }
  | { readonly ok: false; readonly message: string };

const LOCK_WAIT_MS = 5000;
const LOCK_STEP_MS = 20;

/** A list as it stands in a file, with what is needed to write it back. */
interface Source {
  readonly document: Document;
  readonly entries: readonly unknown[];
}

/** Reads a YAML file that holds one list. An empty file is an empty list. */
export function readYamlList(file: string): YamlList {
  const source = readSource(file);
  return typeof source === 'string' ? { ok: false, message: source } : { ok: true, entries: source.entries };
}

/**
 * Changes a YAML file that holds one list, in one step: whoever reads it sees
 * the old list or the new one, and of edits at the same time none is lost. The
 * other entries keep their words and comments. A file that is not there is made.
 *
 * @param lockWaitMs how long another edit is waited for.
 */
export async function editYamlList(
  file: string,
  change: YamlListChange,
  lockWaitMs = LOCK_WAIT_MS,
): Promise<YamlListEdit> {
  const target = realPath(file);
  const lock = `${target}.lock`;
  let fd: number | null;
  try {
    fd = await openLock(lock, lockWaitMs);
  } catch (error) {
    return { ok: false, message: `${file} cannot be changed: ${(error as Error).message}` };
  }
  if (fd === null) {
    const message = `${lock} is there: another edit is under way, or was broken off. If none is, remove that file.`;
    return { ok: false, message };
  }
  let isReplaced = false;
  try {
    const edited = edit(file, change);
    if (!edited.ok) return edited;
    const { text, ...result } = edited;
    if (text !== null) {
      writeWhole(fd, text, target);
      renameSync(lock, target);
      isReplaced = true;
      syncFolder(dirname(target));
    }
    return result;
  } catch (error) {
    if (!(error instanceof Error && 'syscall' in error)) throw error;
    return { ok: false, message: `${file} cannot be changed: ${error.message}` };
  } finally {
    closeSync(fd);
    // Renamed away it is the file, and what has its name now is somebody else's.
    if (!isReplaced) unlinkSync(lock);
  }
}

type Edited =
  | Extract<YamlListEdit, { ok: false }>
  | (Extract<YamlListEdit, { ok: true }> & { text: string | null });

function edit(file: string, { matches, replacement }: YamlListChange): Edited {
  const source = existsSync(file) ? readSource(file) : { document: new Document(), entries: [] };
  if (typeof source === 'string') return { ok: false, message: source };
  const { document, entries } = source;
  const matched = entries.filter(matches).length;
  if (matched === 0 && replacement === null) return { ok: true, matched, count: entries.length, text: null };
  const expected: unknown[] = [];
  const list = isSeq(document.contents) ? document.contents : new YAMLSeq();
  const items: unknown[] = [];
  let left = replacement;
  entries.forEach((entry, i) => {
    const item = list.items[i];
    if (!matches(entry)) {
      items.push(item);
      expected.push(entry);
    } else if (left !== null) {
      items.push(withComments(document.createNode(left, { flow: true }), item));
      expected.push(left);
      left = null;
    }
  });
  if (left !== null) {
    items.push(document.createNode(left, { flow: true }));
    expected.push(left);
  }
  if (replacement === null) keepHead(list, items);
  list.items = items;
  list.flow = items.length === 0;
  document.contents = list;
  const text = written(document, expected);
  if (text === null) return { ok: false, message: `${file} cannot be changed by program: edit it by hand` };
  return { ok: true, matched, count: items.length, text };
}

/**
 * Words above the first entry may be about the whole list: they stay when it
 * goes. Those behind a blank line are about the entry alone.
 */
function keepHead(list: YAMLSeq, items: readonly unknown[]): void {
  const first = list.items[0];
  if (!isNode(first) || items.includes(first) || !first.commentBefore) return;
  const words = first.commentBefore.replace(/\n\n(?!.*\n\n).*$/s, '');
  list.commentBefore = list.commentBefore ? `${list.commentBefore}\n${words}` : words;
}

/** A new entry says what stood beside the one it replaces. */
function withComments<T extends object>(node: T, old: unknown): T {
  if (isCollection(old)) {
    const { commentBefore, comment, spaceBefore } = old;
    Object.assign(node, { commentBefore, comment, spaceBefore });
  }
  return node;
}

/** The document's text, once it was seen to say what it is to say. */
function written(document: Document, expected: readonly unknown[]): string | null {
  try {
    const text = document.toString({ lineWidth: 0 });
    const parsed = parseYaml(text);
    return parsed.ok && isDeepStrictEqual(parsed.tree.value, expected) ? text : null;
  } catch {
    // An alias whose anchor stood in an entry that goes.
    return null;
  }
}

/** Null while another edit holds the lock for longer than edits take. */
async function openLock(lock: string, waitMs: number): Promise<number | null> {
  for (let waitedMs = 0; waitedMs <= waitMs; waitedMs += LOCK_STEP_MS) {
    try {
      return openSync(lock, 'wx', 0o644);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    await delay(LOCK_STEP_MS);
  }
  return null;
}

/** What becomes the file has its rights, and its bytes are on disk before it has its name. */
function writeWhole(fd: number, text: string, target: string): void {
  const before = statSync(target, { throwIfNoEntry: false });
  if (before !== undefined) {
    fchmodSync(fd, before.mode & 0o777);
    if (process.getuid?.() === 0) fchownSync(fd, before.uid, before.gid);
  }
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
  fsyncSync(fd);
}

function syncFolder(folder: string): void {
  const fd = openSync(folder, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Where a link leads, so that the file behind it changes and the link stays. */
function realPath(file: string): string {
  try {
    return realpathSync(file);
  } catch {
    return resolve(file);
  }
}

/** The list, or what is wrong with the file. */
function readSource(file: string): Source | string {
  const read = readCapped(file);
  if (!read.ok) return `${file} ${read.reason}`;
  const text = read.text.startsWith('\ufeff') ? read.text.slice(1) : read.text;
  const parsed = parseYaml(text);
  if (!parsed.ok) {
    const [{ line, column, message }] = parsed.faults as [(typeof parsed.faults)[number]];
    return `${file}:${line}:${column}: ${message}`;
  }
  const composed = composeYaml(text);
  if (!composed.ok) return `${file}: ${composed.fault.message}`;
  const document = composed.document as unknown as Document;
  const root = document.contents;
  // `---` and nothing behind it.
  if (root === null || (isScalar(root) && root.value === null)) return { document, entries: [] };
  if (!isSeq(root)) return `${file} is not a list: each entry begins with "- "`;
  return { document, entries: parsed.tree.value as unknown as readonly unknown[] };
}
