/**
 * The yardstick of `npm run bench:live`: uWebSockets.js alone, which publishes each text that it is
 * given by its parent to all of its clients. It looks at nothing.
 */
import { App, us_socket_local_port } from '../src/platform/uws.js';

const TOPIC = 'book';

const app = App()
  .ws('/*', {
    compression: 0,
    idleTimeout: 0,
    sendPingsAutomatically: false,
    // As Clipbook has it.
    maxBackpressure: 256 * 1024,
    open: (ws) => void ws.subscribe(TOPIC),
  })
  .listen('127.0.0.1', 0, (socket) => {
    if (socket === false) throw new Error('can not listen');
    process.send?.({ url: `http://127.0.0.1:${us_socket_local_port(socket)}` });
  });

process.on('message', (text: string) => void app.publish(TOPIC, text));
process.on('disconnect', () => process.exit(0));
