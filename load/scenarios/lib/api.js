/** Clipbook from k6: signed in once, in setup. */
import http from 'k6/http';

export const BASE = __ENV.BASE_URL;
export const SHORT = __ENV.SHORT === '1';
const JSON_TYPE = { 'content-type': 'application/json' };

// Refusals are answers: a race that is lost is no error.
http.setResponseCallback(http.expectedStatuses({ min: 200, max: 299 }, 404, 409, 422, 423));

export function signIn() {
  const credentials = JSON.stringify({ email: 'admin@admin.com', password: 'Password1' });
  const reply = http.post(`${BASE}/api/v1/auth/token`, credentials, { headers: JSON_TYPE });
  if (reply.status !== 200) throw new Error(`sign-in got ${reply.status}`);
  return reply.json('accessToken');
}

export function params(token, name, headers = {}) {
  return { headers: { ...JSON_TYPE, authorization: `Bearer ${token}`, ...headers }, tags: { name } };
}

export function post(token, name, path, body, headers) {
  return http.post(`${BASE}/api/v1${path}`, JSON.stringify(body), params(token, name, headers));
}

export function get(token, name, path) {
  return http.get(`${BASE}/api/v1${path}`, params(token, name));
}

/** A request for http.batch. */
export function posting(token, name, path, body, headers) {
  return ['POST', `${BASE}/api/v1${path}`, JSON.stringify(body), params(token, name, headers)];
}

export function createBook(token, quantity, settings = {}) {
  const book = post(token, 'setup', '/coupon-books', { name: 'load', ...settings });
  if (book.status !== 201) throw new Error(`a book could not be made: ${book.status} ${book.body}`);
  const id = book.json('id');
  for (let made = 0; made < quantity; made += 10000) {
    const part = Math.min(10000, quantity - made);
    const reply = post(token, 'setup', `/coupon-books/${id}/generate`, { quantity: part });
    if (reply.status !== 201) throw new Error(`codes could not be generated: ${reply.status} ${reply.body}`);
  }
  return id;
}
