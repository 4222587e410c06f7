import type { Command } from 'commander';
import type { CliIo } from './io.ts';

/** Adds one verb to the program. Its action reports the exit status through `exit`; without that it is 0. */
export type AddVerb = (program: Command, io: CliIo, exit: (status: number) => void) => void;

/** The end of a verb's help: command lines that work as they stand, each with what it does. */
export function examples(lines: readonly (readonly [command: string, meaning: string])[]): string {
  const width = Math.max(...lines.map(([command]) => command.length));
  const rows = lines.map(([command, meaning]) => `  ${command.padEnd(width)}  ${meaning}`);
  return ['', 'Examples:', ...rows].join('\n');
}
