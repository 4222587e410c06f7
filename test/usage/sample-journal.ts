import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import type { Fact, Warning } from '../../lib/pipeline/index.ts';
import { journalLine, sealedLine } from '../../lib/usage/journal-line.ts';
import { recoverJournal } from '../../lib/usage/journal-recovery.ts';

export const BOOT = '00000000000000ff';
export const SEGMENT = `here-${BOOT}-0-0.ndjson`;
export const CLAIM = `here-${BOOT}-0.open`;

export function idOf(seq: number): string {
  return `here:${BOOT}:${seq}`;
}

/** A fact whose words try to look like lines. */
export function factLineOf(seq: number): string {
  const path = `/é{"v":1,"open":true,"id":"${idOf(1)}"}\n`;
  return journalLine({ v: 1, id: idOf(seq), path, outcome: 'complete' } as unknown as Fact);
}

export function openLineOf(seq: number): string {
  return sealedLine(
    JSON.stringify({ v: 1, open: true, id: idOf(seq), time: '2026-01-02T03:04:05.678Z', subject: 'ada' }),
  );
}

/** @param inMemory on a disk of memory where there is one: for tests that write a folder thousands of times. */
export function journalFolder(t: Test, { inMemory = false } = {}): string {
  const parent = inMemory && existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
  const folder = mkdtempSync(join(parent, 'weir-journal-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** The journal of a run that was killed: a claim that nobody holds, and these bytes. */
export function cutJournal(folder: string, bytes: string | Buffer): void {
  for (const name of readdirSync(folder)) rmSync(join(folder, name));
  writeFileSync(join(folder, CLAIM), '');
  writeFileSync(join(folder, SEGMENT), bytes);
}

/** Starts over it, and gives what it was told of. */
export async function recover(folder: string, boot = 'aa'): Promise<readonly Warning[]> {
  const warnings: Warning[] = [];
  await recoverJournal({ folder, boot, warn: warning => warnings.push(warning) });
  return warnings;
}
