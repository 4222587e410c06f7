/**
 * Whether this Node can run Weir: null, or what to do about it. Imports nothing
 * and uses no syntax or API of a newer Node, so that an old one gets this far.
 */
export function nodeProblem(version: string): string | null {
  const major = Number(version.split('.')[0]);
  if (major >= 24) return null;
  return (
    'Weir needs Node 24 or later; this is Node ' +
    version +
    '.\n' +
    'Install a newer one from https://nodejs.org or your package manager, then run the same command again.\n'
  );
}
