// Plain JavaScript, because it runs before TypeScript can. How and why: src/thread.ts.
import { register } from 'tsx/esm/api';

register();
await import(process.argv[2]);
