export { type DemoOrigin, startDemoOrigin } from './origin.ts';
