/**
 * How large the head of a request may be. uWebSockets.js allows 4,096 bytes unless this variable
 * says otherwise; a token and a few cookies of a shared domain are more. It reads the variable
 * once, when it is loaded into the process, so this module is imported before it, on the main
 * thread. (A worker's `process.env` is a copy that the library does not see.)
 *
 * Beyond its own limit the library answers 431 without a problem body, before any of our code runs.
 * So its limit is wider than ours, and heads between the two are answered with a problem.
 */
export const HEAD_BYTES_MAX = 16 * 1024;

const LIBRARY_HEAD_BYTES_MAX = 24 * 1024;

process.env['UWS_HTTP_MAX_HEADERS_SIZE'] = String(LIBRARY_HEAD_BYTES_MAX);
