#!/usr/bin/env node
import { nodeProblem } from '../lib/cli/node-version.ts';

const problem = nodeProblem(process.versions.node);
if (problem === null) {
  // Not a static import: an old Node would fail to link it before the check above could speak.
  const { main } = await import('../lib/cli/index.ts');
  // A reader that leaves early (`weir providers | head`) is no failure, and must not end a server.
  process.stdout.on('error', () => {});
  process.stderr.on('error', () => {});
  const status = await main(process.argv.slice(2), {
    env: process.env,
    stdout: process.stdout,
    stderr: process.stderr,
    isTty: process.stdout.isTTY === true,
    ...(process.stdout.isTTY === true ? { columns: process.stdout.columns } : {}),
    invocation: import.meta.filename.endsWith('.ts') ? 'npm start --' : 'weir',
    signals: process,
  });
  // The empty write comes back when everything before it has been written.
  process.stdout.write('', () => process.exit(status));
} else {
  process.stderr.write(problem);
  process.exitCode = 1;
}
