'use strict';
/*
 * Which versions of Node Clipbook runs on. Every way to start it asks here first, before a newer
 * syntax, a missing export or a native module can fail with a message that does not help.
 *
 * Plain JavaScript of 2015, without imports, because each Node must be able to parse it, and
 * because `npm start` runs this file before anything is compiled: on an unsupported Node,
 * `node src/platform/node-version.cjs` exits with 1.
 */

/*
 * The first minor release of each major version that our dependencies accept; `engines` in
 * package.json says the same.
 */
const SUPPORTED = [
  { major: 20, minorMin: 19 },
  { major: 22, minorMin: 12 },
  { major: 24, minorMin: 0 },
];

/**
 * The line that refuses a version, or null where it fits.
 *
 * @param {string} version as in `process.versions.node`
 * @returns {string | null}
 */
function refusalOf(version) {
  const [major, minor] = version.split('.').map(Number);
  if (SUPPORTED.some((supported) => supported.major === major && minor >= supported.minorMin)) return null;
  return `Clipbook does not run on Node ${version}. It runs on Node 20 (20.19 or later), 22 (22.12 or later) and 24: install one of them, for example Node 22 from https://nodejs.org`;
}

/** Ends the process with one line and exit code 1 where this Node does not fit. */
function exitUnlessSupported() {
  const refusal = refusalOf(process.versions.node);
  if (refusal === null) return;
  console.error(refusal);
  process.exit(1);
}

module.exports = { refusalOf, exitUnlessSupported };

if (require.main === module) exitUnlessSupported();
