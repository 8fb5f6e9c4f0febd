/**
 * uWebSockets.js, from the package that fits this machine. All code imports it from here;
 * `uws-binding.ts` decides.
 */
import { bindingHere } from './uws-binding.js';

export type { HttpRequest, HttpResponse, TemplatedApp, us_socket_context_t, WebSocket } from 'uWebSockets.js';

type Uws = typeof import('uWebSockets.js');

const { App, us_listen_socket_close, us_socket_local_port } = (await import(bindingHere().package)) as Uws;

export { App, us_listen_socket_close, us_socket_local_port };
