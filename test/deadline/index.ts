export { Changes } from './changes.ts';
export { DEADLINE_MS, within } from './within.ts';
