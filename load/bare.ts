/**
 * The ceiling: uWebSockets.js alone, answering the same requests with as many bytes as Clipbook answers, headers included,
 * without looking at anything. Prints `bare listening on PORT`.
 */
import { App, us_socket_local_port } from 'uWebSockets.js';

const HEADERS =
  'application/json\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nX-Request-Id: c016f51713e9-1z141\r\nCommit-Seq: 11-300000';
const BODY = JSON.stringify({
  couponBookId: '01a1fb21-88ef-7535-ae65-df2dc64251e1',
  code: '8BKV-RQMD-F2UA-CTXC',
  userId: 'user-12345-123456',
  assignedAt: '2026-11-20T22:44:01.958Z',
});

App()
  .post('/*', (res) => {
    res.onAborted(() => {});
    res.onData((_chunk, isLast) => {
      if (!isLast) return;
      res.cork(() => {
        res.writeHeader('Content-Type', HEADERS);
        res.end(BODY);
      });
    });
  })
  .listen('127.0.0.1', 0, (socket) => {
    if (socket === false) throw new Error('no port is free');
    process.stdout.write(`bare listening on ${us_socket_local_port(socket)}\n`);
  });
