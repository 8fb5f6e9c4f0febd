/**
 * The yardstick of `npm run bench`: uWebSockets.js alone, which answers Clipbook's hot requests
 * with as many bytes as Clipbook does, headers included, and inspects nothing: no header, no body.
 * No yardstick is harder. The difference to Clipbook is the cost of reading requests and of keeping
 * its promises.
 */
import { App, type HttpResponse, us_socket_local_port } from '../src/platform/uws.js';

const HEADERS =
  'application/json\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nX-Request-Id: 26d9c9e197fc-1000000\r\nCommit-Seq: 0-1000000';
const ASSIGNED =
  '{"couponBookId":"01a1fb62-1776-776a-92c9-af2d6bdc1f50","code":"A01-0000000","userId":"user-a01-00000000","assignedAt":"2026-11-20T23:54:32.263Z"}';
const REDEEMED =
  '{"code":"R01-0000000","userId":"user-r01-00000000","redemptionId":"01a1fb62-17d5-78e0-b21d-2b0000000000","redeemedAt":"2026-11-20T23:54:32.277Z","redemptionCount":1,"remaining":0}';

function answer(res: HttpResponse, body: string): void {
  res.onAborted(() => undefined);
  res.onData((_chunk, isLast) => {
    if (!isLast) return;
    res.cork(() => {
      res.writeHeader('Content-Type', HEADERS);
      res.end(body);
    });
  });
}

const port = Number(process.env['PORT'] ?? '0');

App()
  .post('/api/v1/coupons/assign', (res) => answer(res, ASSIGNED))
  .post('/api/v1/coupons/:code/redeem', (res) => answer(res, REDEEMED))
  .listen('127.0.0.1', port, (socket) => {
    if (socket === false) throw new Error(`can not listen on ${port}`);
    process.stdout.write(`bare listening on http://127.0.0.1:${us_socket_local_port(socket)}\n`);
  });
