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
  const opener = /^(\s*)(?:export\s+)?(?:default\s+)?(?:(?:async\s+)?function\b.*|(?:static\s+)?(?:async\s+)?(?:get\s+|set\s+)?[#\w$]+\s*\([^;]*\)\s*|.*=>\s*)\{\s*$/;
  lines.forEach((line, at) => {
    const indent = opener.exec(line)?.[1];
    if (indent === undefined || /^\s*(?:if|for|while|switch|catch|test)\b/.test(line)) return;
    const end = lines.findIndex((later, i) => i > at && later.startsWith(`${indent}}`));
    if (end - at > FUNCTION_LINES_MAX) long.push(`line ${at + 1}, ${end - at} lines`);
  });
  return long;
}

t.test('files and functions stay small', async t => {
  for (const file of [...filesBelow('lib'), ...filesBelow('bin')]) {
    const source = read(file);
    t.ok(source.split('\n').length <= LINES_MAX, `${file} is too long`);
    t.strictSame(longFunctions(source), [], `${file} has a function that is too long`);
  }
});

t.test('the check for long functions finds one', async t => {
  const body = Array.from({ length: 70 }, (_, i) => `  call(${i});`).join('\n');
  t.equal(longFunctions(`function long() {\n${body}\n}\n`).length, 1);
  t.equal(longFunctions(`class A {\n  m(): void {\n${body}\n  }\n}\n`).length, 1);
});

t.test('files have names that say something', async t => {
  for (const file of [...filesBelow('lib'), ...filesBelow('test'), ...filesBelow('bench')]) {
    t.notMatch(file, BANNED_NAMES);
    t.match(file.split('/').at(-1), /^[a-z0-9]+(?:-[a-z0-9]+)*(?:\.test)?\.ts$/, `${file} is kebab-case`);
  }
});

t.test('no escape hatches in lib', async t => {
  for (const file of [...filesBelow('lib'), ...filesBelow('bin')]) {
    const source = read(file);
    t.notMatch(source, /:\s*any\b|\bas any\b|<any>|@ts-ignore|@ts-expect-error|@ts-nocheck/, `${file} keeps its types`);
    t.notMatch(source, /\bTODO\b|\bFIXME\b|\bXXX\b/, `${file} is done`);
    if (!file.startsWith('lib/cli/')) t.notMatch(source, /\bconsole\./, `${file} does not print`);
    if (!/^(?:lib\/(?:cli|config)|bin)\//.test(file)) {
      t.notMatch(source, /\bprocess\.env\b/, `${file} does not read the environment`);
    }
  }
});
