/**
 * For `node --import`: openapi-typescript uses the compiler's JavaScript API, which TypeScript 7
 * does not have. So its `import 'typescript'` gets TypeScript 6, which is installed under the name
 * of its own package.
 */
import { register } from 'node:module';
import { isMainThread } from 'node:worker_threads';

// Node loads this file once more as the hooks, in a thread of their own.
if (isMainThread) register(import.meta.url);

export function resolve(specifier, context, next) {
  return next(specifier === 'typescript' ? '@typescript/typescript6' : specifier, context);
}
