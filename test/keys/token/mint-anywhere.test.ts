import { webcrypto } from 'node:crypto';
import { join } from 'node:path';
import { createContext, runInContext } from 'node:vm';
import { build } from 'esbuild';
import t from 'tap';
import type { NewIssuer } from '../../../lib/keys/token/mint.ts';
import { root } from '../../house/tree.ts';
import { DAY_MS, HeldClock, verifierOf } from './signer.ts';

interface Made {
  readonly issuer: NewIssuer;
  readonly key: string;
  readonly refusal: string;
}

/** What an issuer in a browser would do, with the bundle's exports under `mint`. */
const SCRIPT = `(() => {
  const issuer = mint.newIssuer();
  const expires = new Date(Date.now() + ${DAY_MS});
  const claims = { subject: 'alice', expires, models: ['gpt-*'], ips: ['10.0.0.0/8'], tags: { team: 'a' } };
  let refusal = '';
  try { mint.mintKey(issuer.secretKey, { ...claims, rpm: 0 }); } catch (error) { refusal = String(error); }
  return { issuer, key: mint.mintKey(issuer.secretKey, claims), refusal };
})()`;

t.test('bundled for a browser, it mints where there is no Node', async t => {
  const { outputFiles, warnings } = await build({
    entryPoints: [join(root, 'lib/keys/token/mint.ts')],
    bundle: true,
    platform: 'browser',
    format: 'iife',
    globalName: 'mint',
    write: false,
    logLevel: 'silent',
  });
  t.strictSame(warnings, []);
  const source = outputFiles[0]!.text;
  const crypto = { getRandomValues: (bytes: Uint8Array<ArrayBuffer>) => webcrypto.getRandomValues(bytes) };
  const context = createContext({ crypto, TextEncoder });
  for (const name of ['require', 'process', 'Buffer', 'module', 'self', 'window', 'btoa'])
    t.equal(runInContext(`typeof ${name}`, context), 'undefined', `no ${name}`);
  runInContext(source, context);
  const { issuer, key, refusal } = runInContext(SCRIPT, context) as Made;
  t.equal(refusal, 'MintError: rpm is not a whole number from 1');
  const clock = new HeldClock();
  clock.nowMs = Date.now();
  const verdict = await verifierOf([issuer], { clock }).verify(key);
  t.hasStrict(verdict, {
    subject: 'alice',
    issuer: issuer.id,
    grant: { models: ['gpt-*'], ips: ['10.0.0.0/8'] },
  });
  t.ok(source.length < 120_000, `${source.length} characters`);
});

t.test('the check finds an import of Node', async t => {
  const bundling = build({
    stdin: { contents: "export { readFileSync } from 'node:fs';", resolveDir: root },
    bundle: true,
    platform: 'browser',
    write: false,
    logLevel: 'silent',
  });
  await t.rejects(bundling, /Could not resolve "node:fs"/);
});
