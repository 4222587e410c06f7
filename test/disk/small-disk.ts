import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';

const SIZE = 256 * 1024;

/** A file system of its own that can be filled, or null where this user may not mount one. */
export function smallDisk(t: Test): string | null {
  const folder = mkdtempSync(join(tmpdir(), 'weir-small-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${SIZE}`, 'tmpfs', folder], { stdio: 'ignore' });
  } catch {
    rmSync(folder, { recursive: true });
    return null;
  }
  t.teardown(() => {
    execFileSync('umount', ['-l', folder]);
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

/** Takes all that is free on it. Gives the file that holds it. */
export function fill(disk: string): string {
  const ballast = join(disk, 'ballast');
  try {
    writeFileSync(ballast, Buffer.alloc(SIZE));
  } catch {
    // ENOSPC is what is wanted: the disk is full now.
  }
  return ballast;
}
