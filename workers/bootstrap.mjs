// Plain JavaScript, because it runs before TypeScript can. How and why: src/compose/thread.ts.
import { register } from 'tsx/esm/api';

register();
const entry = await import(process.argv[2]);

/** What a thread of a pool is to run; a thread of its own has none. */
export default entry.default;
