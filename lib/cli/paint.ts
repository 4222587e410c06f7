import { styleText } from 'node:util';
import type { CliIo } from './io.ts';

/** Colours for people; the plain text for everything else. */
export interface Paint {
  strong(text: string): string;
  faint(text: string): string;
  good(text: string): string;
  bad(text: string): string;
}

type Format = Parameters<typeof styleText>[0];

/** Colours only on a terminal, and not where NO_COLOR or a dumb terminal says no. */
export function paintFor(io: CliIo): Paint {
  const colours = io.isTty && !io.env.NO_COLOR && io.env.TERM !== 'dumb';
  const style = (format: Format) => (text: string) =>
    colours ? styleText(format, text, { validateStream: false }) : text;
  return { strong: style('bold'), faint: style('dim'), good: style('green'), bad: style('red') };
}
