/** One number of a reading, with its labels. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"(?:,|$)/gy;

/** The samples of a page in the text format of Prometheus. Throws on a line that is none. */
export function samplesOf(page: string): readonly Sample[] {
  return page
    .split('\n')
    .filter(line => line !== '' && !line.startsWith('#'))
    .map(line => {
      const match = LINE.exec(line);
      if (match === null) throw new Error(`no sample: ${line}`);
      return { name: match[1]!, labels: labelsOf(match[2] ?? ''), value: Number(match[3]) };
    });
}

function labelsOf(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  let end = 0;
  for (const [whole, name, value] of text.matchAll(LABEL)) {
    labels[name!] = value!;
    end += whole.length;
  }
  if (end !== text.length) throw new Error(`no labels: ${text}`);
  return labels;
}

/** The sum of the samples with that name and those labels; 0 where there is none. */
export function total(
  samples: readonly Sample[],
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number {
  return samples
    .filter(
      sample =>
        sample.name === name &&
        Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
    )
    .reduce((sum, { value }) => sum + value, 0);
}
