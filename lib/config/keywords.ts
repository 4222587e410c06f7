import type { Ajv2020 } from 'ajv/dist/2020.js';
import { Secret } from '../base/index.ts';
import type { Fault } from './fault.ts';
import { nearest } from './nearest.ts';
import {
  formatQuantity,
  parseQuantity,
  QUANTITY_EXAMPLES,
  type QuantityKind,
  respellQuantity,
} from './quantity.ts';
import { joinOr, kindWord, SECRET_WORDS } from './words.ts';

/** A value that has to be replaced once the config is known to be well-formed. */
export type Mark =
  | { readonly kind: 'secret'; readonly value: string | Secret }
  | { readonly kind: 'text'; readonly value: string }
  | {
      readonly kind: 'path';
      readonly value: string /** Such as `sqlite:`, else ''. */;
      readonly scheme: string;
    }
  | { readonly kind: 'quantity'; readonly value: number };

/**
 * What the project's keywords found in one validation. It is ajv's `this`
 * (`passContext`), so that compiled schemas hold no state between configs.
 */
export class Findings {
  readonly faults: Fault[] = [];
  /** By JSON pointer. */
  readonly marks = new Map<string, Mark>();

  refuse(pointer: string, message: string, suggestion: string | null = null): void {
    this.faults.push({ segments: parsePointer(pointer), at: 'value', message, suggestion });
  }
}

/** A JSON pointer's parts, unescaped. */
export function parsePointer(pointer: string): string[] {
  const parts = pointer.split('/').slice(1);
  return parts.map(part => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** ajv's `DataValidationCxt`, as far as it is used here. */
interface Place {
  readonly instancePath: string;
  readonly parentData: Record<string | number, unknown>;
  readonly parentDataProperty: string | number;
}
type Visit = (findings: Findings, value: unknown, place: Place) => void;
type Note = Readonly<Record<string, unknown>>;

interface Choice {
  readonly words: readonly string[];
  readonly values: readonly string[];
}
interface Bounds {
  readonly minimum: number;
  readonly maximum: number | null;
}

/** The value of `path` for a path or the address of the same on the web. */
const UNLESS_ADDRESS = 'unless an address';
const WEB_ADDRESS = /^https?:\/\//i;
const REFERENCE = /^(?:env|file):./s;

/**
 * Teaches ajv the keywords of this project. They never fail a validation:
 * mistakes and values to replace are put into `Findings`.
 */
export function addKeywords(ajv: Ajv2020): void {
  ajv.addKeyword({ keyword: 'expects', schemaType: 'string' });
  define(ajv, 'secret', ['boolean', 'string'], () => visitSecret);
  define(ajv, 'text', 'boolean', () => visitText);
  define(ajv, 'path', ['boolean', 'string'], visitPath);
  define(ajv, 'bytes', 'object', (bounds: Bounds, note) => visitQuantity('bytes', bounds, note));
  define(ajv, 'duration', 'object', (bounds: Bounds, note) => visitQuantity('duration', bounds, note));
  define(ajv, 'choice', 'object', visitChoice);
  define(ajv, 'section', 'boolean', () => visitSection);
  ajv.addKeyword({
    keyword: 'secretInput',
    schemaType: 'boolean',
    errors: false,
    compile: () => (value: unknown) => typeof value === 'string' || value instanceof Secret,
  });
  ajv.addKeyword({
    keyword: 'secretReference',
    schemaType: 'boolean',
    errors: false,
    compile: () => isReference,
  });
}

function isReference(value: unknown): value is string | Secret {
  return value instanceof Secret || (typeof value === 'string' && REFERENCE.test(value));
}

type SchemaType = 'boolean' | 'string' | 'object';

function define<S>(
  ajv: Ajv2020,
  keyword: string,
  type: SchemaType | SchemaType[],
  make: (schema: S, note: Note) => Visit,
) {
  ajv.addKeyword({
    keyword,
    schemaType: type,
    // First of all keywords, so that the others see an empty section as {}.
    before: 'not',
    modifying: true,
    valid: true,
    errors: false,
    compile: (schema: S, parent: Note) => {
      const visit = make(schema, parent);
      return function (this: Findings, value: unknown, place?: Place) {
        visit(this, value, place!);
        return true;
      };
    },
  });
}

/** A literal is refused without repeating it: it may well be a real key. */
const visitSecret: Visit = (findings, value, { instancePath }) => {
  if (isReference(value)) {
    findings.marks.set(instancePath, { kind: 'secret', value });
  } else if (value === null || value === '') {
    findings.refuse(instancePath, `is empty: expected ${SECRET_WORDS}`);
  } else {
    findings.refuse(instancePath, `a secret does not stand in the config itself: use ${SECRET_WORDS}`);
  }
};

const visitText: Visit = (findings, value, { instancePath }) => {
  if (typeof value === 'string' && value.startsWith('file:') && value.length > 'file:'.length) {
    findings.marks.set(instancePath, { kind: 'text', value });
  } else {
    findings.refuse(instancePath, 'expected file:PATH');
  }
};

function visitPath(schema: boolean | string): Visit {
  const scheme = typeof schema === 'string' && schema !== UNLESS_ADDRESS ? schema : '';
  return (findings, value, { instancePath }) => {
    if (typeof value !== 'string') {
      findings.refuse(instancePath, `expected a path, got ${kindWord(value)}`);
    } else if (value.length === scheme.length || value === '') {
      findings.refuse(instancePath, 'expected a path, got nothing');
    } else if (value.includes('\0')) {
      findings.refuse(instancePath, 'expected a path');
    } else if (schema === UNLESS_ADDRESS && WEB_ADDRESS.test(value)) {
      // Stays as it is.
    } else if (value.startsWith(scheme)) {
      findings.marks.set(instancePath, { kind: 'path', value, scheme });
    }
  };
}

function visitQuantity(kind: QuantityKind, bounds: Bounds, note: Note): Visit {
  const { minimum } = bounds;
  const maximum = bounds.maximum ?? Number.MAX_SAFE_INTEGER;
  const expected = typeof note.expects === 'string' ? note.expects : QUANTITY_EXAMPLES[kind];
  return (findings, value, { instancePath }) => {
    const amount = parseQuantity(kind, value);
    if (amount === null) {
      findings.refuse(instancePath, `expected ${expected}`, respellQuantity(kind, value));
    } else if (amount < minimum) {
      findings.refuse(instancePath, `must be at least ${formatQuantity(kind, minimum)}`);
    } else if (amount > maximum) {
      findings.refuse(instancePath, `must be at most ${formatQuantity(kind, maximum)}`);
    } else {
      findings.marks.set(instancePath, { kind: 'quantity', value: amount });
    }
  };
}

function visitChoice(choice: Choice): Visit {
  return (findings, value, { instancePath }) => {
    const suggestion = typeof value === 'string' ? nearest(value, choice.values) : null;
    findings.refuse(
      instancePath,
      `expected ${joinOr(choice.words)}, got ${kindWord(value, choice.words)}`,
      suggestion,
    );
  };
}

const visitSection: Visit = (findings, value, place) => {
  if (value === null) place.parentData[place.parentDataProperty] = {};
  else if (value instanceof Secret)
    findings.refuse(place.instancePath, `expected a map, got ${kindWord(value)}`);
};
