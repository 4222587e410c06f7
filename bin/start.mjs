// `npm start` in a checkout. Plain JavaScript, because a Node below 22.18 cannot load weir.ts to be told that it is too old.
const version = process.versions.node;

if (Number(version.split('.')[0]) >= 24) {
  await import('./weir.ts');
} else {
  process.stderr.write(
    `Weir needs Node 24 or later; npm start found Node ${version}.\n` +
      'The Node that comes with this checkout is not in node_modules: --omit=dev, NODE_ENV=production or\n' +
      '--ignore-scripts left it out. Run `npm ci --include=dev` without them, or install Node 24 or later.\n',
  );
  process.exitCode = 1;
}
