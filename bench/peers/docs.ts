import { readFile, writeFile } from 'node:fs/promises';
import { asPercent, isDisturbed, type Results } from './results.ts';
import { ratioTables } from './tables.ts';

const BEGIN = '<!-- bench:peers:begin (written by `npm --prefix bench run peers -- --write-docs`) -->';
const END = '<!-- bench:peers:end -->';

/** Replaces what stands between the markers; a file that has none gets them at its end. Rejects if there is no file. */
export async function writeDocs(file: URL, results: Results): Promise<void> {
  const before = await readFile(file, 'utf8');
  const section = `${BEGIN}\n${peersSection(results)}\n${END}`;
  const from = before.indexOf(BEGIN);
  const to = before.indexOf(END);
  const after =
    from < 0 || to < from
      ? `${before.trimEnd()}\n\n${section}\n`
      : before.slice(0, from) + section + before.slice(to + END.length);
  await writeFile(file, after);
  // The repository's format check reads Markdown too, and aligns its tables.
}

function peersSection(results: Results): string {
  const { machine } = results;
  const bound = machine.pinned
    ? 'gateway bound to one core, mock upstream and load client to another'
    : 'nothing bound to a core: weak figures';
  const legend = results.gateways.map(({ name, version, about }) => {
    return `- **${name}**${version === '' ? '' : ` ${version}`}: ${about}${rewrites(results, name)}`;
  });
  const skipped = results.skipped.map(name => `- **${name}**: not on this machine, not run`);
  return `
${results.date.slice(0, 10)}, ${results.quick ? 'a quick run (one short round)' : 'a full run'} on ${machine.cpu},
${machine.cores} cores, ${machine.memoryGib} GiB, Linux ${machine.kernel}, Node ${machine.node}; ${bound}.

${disturbance(results)}

${[...legend, ...skipped].join('\n')}

To run it again: \`npm --prefix bench ci --ignore-scripts\`, then
\`npm --prefix bench run peers -- --write-docs\`.

${ratioTables(results).trimEnd()}
`;
}

function rewrites(results: Results, name: string): string {
  return results.rewriting.includes(name) ? '; its JSON answers have other bytes than the provider sent' : '';
}

function disturbance({ rows }: Results): string {
  const shares = rows.map(row => row.measurement.othersBusy).filter(share => share !== null);
  if (shares.length === 0) return 'Whether other programs disturbed the run was not watched.';
  const disturbed = shares.filter(isDisturbed).length;
  const most = asPercent(Math.max(...shares));
  return `Programs that have no part in the bench used at most ${most} of the two cores; they disturbed ${disturbed} of ${shares.length} windows (more than 5 %).`;
}
