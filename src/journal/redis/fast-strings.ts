/**
 * Keeps string operations fast although ioredis is loaded. Import it before ioredis.
 *
 * ioredis has a class that extends `String`. V8 makes the prototype of a class that is being set up
 * a dictionary, until an object that inherits from it is asked for a property often enough; but
 * texts are no objects, so for `String.prototype` that never happens, and from then on every
 * `length` and `charCodeAt` of the thread goes the slow way: 280 instead of 50 ns for a loop over
 * 36 characters, a tenth of what a shard does. A prototype that was asked through an object before
 * is marked as one to be kept fast, and keeps the mark (V8: `JSObject::MakePrototypesFast`,
 * `PrototypeBenefitsFromNormalization`).
 */
const asked = new String('');
/** V8 takes notes of a function's look-ups from its eighth call on. */
const CALLS = 100;

function ask(text: { readonly charCodeAt: unknown }): unknown {
  return text.charCodeAt;
}

for (let call = 0; call < CALLS; call++) ask(asked);
