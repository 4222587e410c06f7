export { fill, smallDisk } from './small-disk.ts';
