import { appendFileSync } from 'node:fs';
import { Sink } from '../../../lib/usage/sinks/sink.ts';

// Brings the journal argv[2] to the file argv[3], and says a dot for every batch.
const [, , journal, list] = process.argv;
const sink = new Sink({
  journal: journal!,
  warn: ({ message }) => console.error(message),
  outlet: {
    name: 'one',
    place: 'a file',
    batchFacts: 100,
    deliver: async facts => {
      appendFileSync(list!, facts.map(({ text }) => `${text}\n`).join(''));
      process.stdout.write('.');
      return null;
    },
    close: async () => {},
  },
});
process.exitCode = (await sink.pass()) ? 0 : 1;
await sink.close();
