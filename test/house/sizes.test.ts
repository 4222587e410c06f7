import ts from 'node:module';
import t from 'tap';
import { filesBelow, read } from './tree.ts';

const LINES_MAX = 400;
const FUNCTION_LINES_MAX = 60;
const BANNED_NAMES = /(?:^|[/.-])(?:utils?|helpers?|common|misc|managers?|v2)(?:[/.-]|$)/;

/**
 * Line spans of functions, by braces: a line that opens a function, method or
 * accessor body up to the line that closes it. Types are stripped first, so
 * that no type literal is taken for a body.
 */
function longFunctions(source: string): string[] {
  const lines = ts.stripTypeScriptTypes(source).split('\n');
  const long: string[] = [];
  const opener =
    /^(\s*)(?:export\s+)?(?:default\s+)?(?:(?:async\s+)?function\b.*|(?:static\s+)?(?:async\s+)?(?:get\s+|set\s+)?[#\w$]+\s*\([^;]*\)\s*|.*=>\s*)\{\s*$/;
  lines.forEach((line, at) => {
    const indent = opener.exec(line)?.[1];
    if (indent === undefined || /^\s*(?:if|for|while|switch|catch|test)\b/.test(line)) return;
    const end = lines.findIndex((later, i) => i > at && later.startsWith(`${indent}}`));
    if (end - at > FUNCTION_LINES_MAX) long.push(`line ${at + 1}, ${end - at} lines`);
  });
  return long;
}

const sources = [...filesBelow('lib'), ...filesBelow('bin')];

/** Files for which a judgement speaks, each with what it says. */
function faults(
  files: readonly string[],
  judge: (source: string, file: string) => readonly string[],
): string[] {
  return files.flatMap(file => judge(read(file), file).map(fault => `${file}: ${fault}`));
}

t.test('files and functions stay small', async t => {
  t.strictSame(faults(sources, longFunctions), []);
  t.strictSame(
    faults(sources, source => (source.split('\n').length > LINES_MAX ? ['too long'] : [])),
    [],
  );
});

t.test('the check for long functions finds one', async t => {
  const body = Array.from({ length: 70 }, (_, i) => `  call(${i});`).join('\n');
  t.equal(longFunctions(`function long() {\n${body}\n}\n`).length, 1);
  t.equal(longFunctions(`class A {\n  m(): void {\n${body}\n  }\n}\n`).length, 1);
});

t.test('files have names that say something', async t => {
  const files = [...sources, ...filesBelow('test'), ...filesBelow('bench')];
  const kebab = /^[a-z0-9]+(?:-[a-z0-9]+)*(?:\.test)?\.ts$/;
  t.strictSame(
    files.filter(file => BANNED_NAMES.test(file) || !kebab.test(file.split('/').at(-1)!)),
    [],
  );
});

t.test('no escape hatches in lib', async t => {
  const judged = faults(sources, (source, file) => {
    const found: string[] = [];
    if (/:\s*any\b|\bas any\b|<any>|@ts-ignore|@ts-expect-error|@ts-nocheck/.test(source))
      found.push('loses its types');
    if (/\bTODO\b|\bFIXME\b|\bXXX\b/.test(source)) found.push('is not done');
    if (!file.startsWith('lib/cli/') && /\bconsole\./.test(source)) found.push('prints');
    const mayReadEnvironment = /^(?:lib\/(?:cli|config)|bin)\//.test(file);
    if (!mayReadEnvironment && /\bprocess\.env\b/.test(source)) found.push('reads the environment');
    return found;
  });
  t.strictSame(judged, []);
});
