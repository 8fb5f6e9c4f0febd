/**
 * The yardstick of `npm run bench`: uWebSockets.js that answers Clipbook's hot requests with as many bytes as Clipbook does,
 * and does nothing else. It reads the headers and the body of a request as anybody has to who wants to do something
 * with them, and answers what never changes. What Clipbook takes beyond this is what its promises cost.
 */
import { App, type HttpResponse, us_socket_local_port } from 'uWebSockets.js';

const HEADERS =
  'application/json\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nX-Request-Id: 26d9c9e197fc-1000000\r\nCommit-Seq: 0-1000000';
const ASSIGNED =
  '{"couponBookId":"01a1fb62-1776-776a-92c9-af2d6bdc1f50","code":"A01-0000000","userId":"user-a01-00000000","assignedAt":"2026-11-20T23:54:32.263Z"}';
const REDEEMED =
  '{"code":"R01-0000000","userId":"user-r01-00000000","redemptionId":"01a1fb62-17d5-78e0-b21d-2b0000000000","redeemedAt":"2026-11-20T23:54:32.277Z","redemptionCount":1,"remaining":0}';

/** Kept by nobody, but read: an engine may not skip it. */
let seen = 0;

function answer(res: HttpResponse, body: string): void {
  res.onAborted(() => undefined);
  res.onData((chunk, isLast) => {
    seen += Buffer.from(chunk).toString('utf8').length;
    if (!isLast) return;
    res.cork(() => {
      res.writeHeader('Content-Type', HEADERS);
      res.end(body);
    });
  });
}

function readHeaders(_name: string, value: string): void {
  seen += value.length;
}

const port = Number(process.env['PORT'] ?? '0');

App()
  .post('/api/v1/coupons/assign', (res, req) => {
    req.forEach(readHeaders);
    answer(res, ASSIGNED);
  })
  .post('/api/v1/coupons/:code/redeem', (res, req) => {
    req.forEach(readHeaders);
    seen += req.getParameter(0)?.length ?? 0;
    answer(res, REDEEMED);
  })
  .listen('127.0.0.1', port, (socket) => {
    if (socket === false) throw new Error(`can not listen on ${port}`);
    process.stdout.write(`bare listening on http://127.0.0.1:${us_socket_local_port(socket)}\n`);
  });

process.on('SIGTERM', () => {
  process.stdout.write(`${seen} characters read\n`);
  process.exit(0);
});
