import { facts } from './0001-facts.ts';
import { register } from './0002-register.ts';
import { charges } from './0003-charges.ts';

/** A step from one version of the schema to the next. Never changed once released. */
export interface Migration {
  /** The version that the schema has afterwards. */
  readonly number: number;
  readonly sql: string;
}

/** In order, numbered from 1 without gaps. */
export const MIGRATIONS: readonly Migration[] = [facts, register, charges];
