/**
 * Flash sales: docs/contract.md, section 11. Each operation that older clients know is served twice
 * by one handler: under `/api/v1/flash`, and at the root with the bodies that those clients read.
 */
import { asCampaignId, campaignOfProduct, shardOfId } from '../../../domain/ids.js';
import type { CommandReply, Done } from '../../../engine/engine.js';
import type { OrderView } from '../../../records/flash.js';
import type { AnswerWriter } from '../../exchange/answer-writer.js';
import type { Exchange } from '../../exchange/exchange.js';
import { readOrder } from '../../fast/fast-bodies.js';
import { isoTime } from '../../fast/iso-time.js';
import * as documents from '../document-schemas.js';
import { cellFor, streamCsv } from '../export-csv.js';
import * as schemas from '../flash/schemas.js';
import { inventoryJson, orderJson, stockJson } from '../flash/views.js';
import { listOf, readCursor, sendPage } from '../paging.js';
import { ADMIN_OR_SERVICE, ANY_ROLE, type Answer, type RouteSpec, route } from '../route.js';
import { expectOutcome } from '../views.js';

const TAG = 'Flash sales';
const OLDER_TAG = 'Older paths';
const EXPORT_DEADLINE_MS = 30_000;

const SOLD_OUT = '{"status":"sold_out","msg":"Inventory empty"}';
const LIMIT = '{"status":"limit","msg":"Order limit reached"}';

type Specs = readonly RouteSpec<unknown, unknown>[];

/**
 * The operation, and its older path. `olderAnswers`: what differs there besides the bodies of
 * refusals.
 */
function twice(
  spec: RouteSpec<unknown, unknown>,
  older: { readonly id: string; readonly path: string; readonly answers?: Readonly<Record<number, Answer>> },
): Specs {
  const { path, id } = older;
  const answers = { ...OLDER_REFUSALS, ...spec.answers, ...older.answers };
  const asOlder = { id, path, tag: OLDER_TAG, replacedBy: spec.id, olderBodies: true, answers, problems: [] } as const;
  return [spec, { ...spec, ...asOlder }];
}

const refused = (description: string): Answer => ({ description, schema: schemas.olderErrorOut });
const OLDER_REFUSALS: Readonly<Record<number, Answer>> = {
  400: refused('The request is not valid'),
  401: refused('It needs a token'),
  403: refused('The token may not do this'),
  404: refused('There is no such order or product'),
  408: refused('The body did not arrive in time'),
  409: refused('What is there stands against it'),
  413: refused('The body is too large'),
  415: refused('The body is not JSON'),
  422: refused('The key was used for something else'),
  429: refused('More comes than is admitted now: repeat it after `Retry-After`'),
  431: refused('The headers are too large'),
  500: {
    description: 'A fault. Nothing was done, or the same key gets what was done: repeat it after `Retry-After`',
    schema: schemas.failedOut,
  },
};

const common = { openInDevelopment: true } as const;

// ─── Stock ──────────────────────────────────────────────────────────────────────────────────────────────────────

const init = twice(
  route({
    ...common,
    id: 'initStock',
    method: 'POST',
    path: '/api/v1/flash/init',
    tag: TAG,
    summary: 'Begin a round: so many units of a product',
    description:
      'The first one makes the stock of the product. Another one ends the running round. If that has orders, production needs `reset`.',
    access: ADMIN_OR_SERVICE,
    change: true,
    body: schemas.initInput,
    answers: { 200: { description: 'The round has begun', schema: schemas.initOut } },
    problems: ['product-in-another-campaign', 'round-has-orders', 'not-possible'],
    handle: (exchange, input) => exchange.work.run(() => initStock(exchange, input)),
  }),
  { id: 'olderInitStock', path: '/init' },
);

async function initStock({ answer, request, services, work }: Exchange, input: schemas.InitInput): Promise<void> {
  const { productId, quantity, startsAt, endsAt, perUserLimit, holdSeconds, campaignId } = input;
  const { engine, control, flash } = services;
  const wanted = shardOfId(campaignId ?? campaignOfProduct(productId), engine.shardCount);
  const home = await control.homeOfProduct(productId, wanted);
  let isThere = true;
  let reply: CommandReply;
  try {
    reply = await work.askCommand(
      {
        kind: 'initStock',
        home,
        productId,
        inCampaign: campaignId === undefined ? null : asCampaignId(campaignId),
        quantity,
        startsMs: startsAt === undefined ? null : Date.parse(startsAt),
        endsMs: endsAt === undefined ? null : Date.parse(endsAt),
        perUserLimit: perUserLimit ?? null,
        holdMs: holdSeconds === undefined ? null : holdSeconds * 1000,
        mayReset: input.reset === true || flash.isOpen,
      },
      request.origin(),
    );
    // What is not known to have failed may be there.
    isThere = reply.kind === 'done' || (reply.kind === 'unavailable' && reply.reason === 'outcomeUnknown');
  } finally {
    await control.settleProduct(productId, isThere);
  }
  if (reply.kind !== 'done') return answer.refuse(reply);
  const { stock } = expectOutcome(reply, 'stock').stock;
  const msg = `Stock initialized for ${stock.productId} to ${stock.quantity}`;
  answer.changed(200, JSON.stringify({ status: 'ok', msg }), reply);
}

const inventory = twice(
  route({
    ...common,
    id: 'getInventory',
    method: 'GET',
    path: '/api/v1/flash/inventory/{productId}',
    tag: TAG,
    summary: 'How much of a product is sold, reserved and left',
    access: ANY_ROLE,
    params: { productId: schemas.productId },
    answers: { 200: { description: 'The inventory of the running round', schema: schemas.inventoryOut } },
    problems: ['product-not-found'],
    handle({ request, work }) {
      work.query({ kind: 'getStock', productId: request.param(0) }, (answer, result) => {
        if (result.kind !== 'stock') throw new Error(`a ${result.kind} for a stock`);
        answer.json(200, JSON.stringify(inventoryJson(result.view)));
      });
    },
  }),
  { id: 'olderInventory', path: '/inventory/{productId}' },
);

const ofStock = {
  method: 'POST',
  tag: TAG,
  access: ADMIN_OR_SERVICE,
  change: true,
  dryRun: true,
  params: { productId: schemas.productId },
  answers: { 200: { description: 'The stock as it is now', schema: schemas.stockOut } },
} as const;

function showStock(answer: AnswerWriter, done: Done): void {
  answer.changed(200, JSON.stringify(stockJson(expectOutcome(done, 'stock').stock)), done);
}

const pausing = (isPaused: boolean) =>
  route({
    ...ofStock,
    id: isPaused ? 'pauseSale' : 'resumeSale',
    path: `/api/v1/flash/{productId}/${isPaused ? 'pause' : 'resume'}`,
    summary: isPaused ? 'Take no orders for now' : 'Take orders again',
    body: schemas.emptyInput,
    bodyOptional: true,
    problems: ['product-not-found'],
    handle({ request, work }) {
      work.command({ kind: 'pauseStock', productId: request.param(0), isPaused }, showStock);
    },
  });

const adjust = route({
  ...ofStock,
  id: 'adjustStock',
  path: '/api/v1/flash/{productId}/adjust',
  summary: 'Change how many units the running round has',
  body: schemas.adjustInput,
  problems: ['product-not-found', 'stock-too-small'],
  handle({ request, work }, { by }) {
    const [add, remove] = [Math.max(by, 0), Math.max(-by, 0)];
    work.command({ kind: 'adjustStock', productId: request.param(0), add, remove }, showStock);
  },
});

// ─── Orders ─────────────────────────────────────────────────────────────────────────────────────────────────────

const order = twice(
  route({
    ...common,
    id: 'placeOrder',
    method: 'POST',
    path: '/api/v1/flash/order',
    tag: TAG,
    summary: 'Order one unit',
    description:
      'Needs an idempotency key, as `Idempotency-Key` or `x-idempotency-key`: one for each order that is wanted. The same key gets the same order for the whole round, whoever sends it. Repeat a request without an answer with its key.',
    access: ANY_ROLE,
    ownUser: 'body',
    change: true,
    body: schemas.orderInput,
    fastBody: readOrder,
    answers: { 200: { description: 'Accepted, now or before', schema: schemas.orderOut } },
    problems: ['sold-out', 'order-limit', 'idempotency-key-reused', 'sale-not-open'],
    handle: placeOrder,
  }),
  {
    id: 'olderOrder',
    path: '/order',
    answers: {
      409: { description: 'Nothing is left', schema: schemas.soldOutOut },
      422: {
        description: 'The limit of the user, or the key of the order of another user',
        schema: schemas.limitOut,
      },
    },
  },
);

function placeOrder({ answer, request, services, work }: Exchange, { productId, userId }: schemas.OrderInput): void {
  const key = request.takeIdempotencyKey();
  if (key === '') {
    answer.problem('bad-idempotency-key', 'Missing Idempotency Key');
    return;
  }
  const { rate } = services.flash;
  const isAdmitted = rate.take();
  const refuse = request.hasOlderBodies ? refuseOlderOrder : refuseOrder;
  // Only new orders count.
  work.command(
    { kind: 'placeOrder', productId, userId, key, isAdmitted },
    (answer, done) => {
      if (showOrder(answer, done) && isAdmitted) rate.giveBack();
    },
    (answer, reply) => {
      if (isAdmitted) rate.giveBack();
      refuse(answer, reply);
    },
  );
}

/** True: it was accepted before. */
function showOrder(answer: AnswerWriter, done: Done): boolean {
  const { orderId, isDuplicate } = expectOutcome(done, 'ordered');
  const [status, msg] = isDuplicate ? ['ignored', 'Duplicate request'] : ['success', 'Order accepted'];
  answer.changed(200, `{"status":"${status}","msg":"${msg}","orderId":"${orderId}"}`, done);
  return isDuplicate;
}

type NotDone = Exclude<CommandReply, { readonly kind: 'done' }>;

/** There is nothing left of what never was there, either. */
function refuseOrder(answer: AnswerWriter, reply: NotDone): void {
  if (reply.kind === 'refused' && reply.reason === 'productNotFound')
    answer.refuse({ kind: 'refused', reason: 'soldOut', detail: 'Inventory empty' });
  else answer.refuse(reply);
}

function refuseOlderOrder(answer: AnswerWriter, reply: NotDone): void {
  if (reply.kind !== 'refused') answer.refuse(reply);
  else if (reply.reason === 'soldOut' || reply.reason === 'productNotFound') answer.json(409, SOLD_OUT);
  else if (reply.reason === 'orderLimit') answer.json(422, LIMIT);
  else answer.refuse(reply);
}

const ofOrder = { params: { id: schemas.orderId }, tag: TAG } as const;

/** A token of the role user sees and changes its own orders. */
const ownerOf = ({ caller, services }: Exchange): string | null =>
  caller.role === 'user' && !services.flash.isOpen ? caller.id : null;

const status = twice(
  route({
    ...common,
    ...ofOrder,
    id: 'getOrder',
    method: 'GET',
    path: '/api/v1/flash/status/{id}',
    summary: 'An order, of earlier rounds too',
    access: ANY_ROLE,
    answers: { 200: { description: 'The order', schema: schemas.statusOut } },
    problems: ['order-not-found'],
    handle(exchange) {
      const id = exchange.request.param(0);
      exchange.work.query({ kind: 'getOrder', id, owner: ownerOf(exchange) }, (answer, result) => {
        if (result.kind !== 'order') throw new Error(`a ${result.kind} for an order`);
        answer.json(200, JSON.stringify(orderJson(result.view)));
      });
    },
  }),
  { id: 'olderOrderStatus', path: '/status/{id}' },
);

function showMoved(answer: AnswerWriter, done: Done): void {
  answer.changed(200, JSON.stringify(orderJson(expectOutcome(done, 'order').order)), done);
}

const moves = {
  ...ofOrder,
  method: 'POST',
  change: true,
  dryRun: true,
  body: schemas.emptyInput,
  bodyOptional: true,
  answers: { 200: { description: 'The order as it is now', schema: schemas.statusOut } },
} as const;

const cancel = twice(
  route({
    ...common,
    ...moves,
    id: 'cancelOrder',
    path: '/api/v1/flash/cancel/{id}',
    summary: 'Cancel an order: its unit goes back, once',
    access: ANY_ROLE,
    problems: ['order-not-found', 'order-fulfilled'],
    handle(exchange) {
      const id = exchange.request.param(0);
      exchange.work.command({ kind: 'cancelOrder', id, owner: ownerOf(exchange) }, showMoved);
    },
  }),
  { id: 'olderCancelOrder', path: '/cancel/{id}' },
);

const confirm = route({
  ...moves,
  id: 'confirmOrder',
  path: '/api/v1/flash/orders/{id}/confirm',
  summary: 'Confirm an order, where the sale has holdSeconds',
  access: ANY_ROLE,
  problems: ['order-not-found', 'order-cancelled'],
  handle(exchange) {
    const { caller, request, work } = exchange;
    const owner = caller.role === 'user' ? caller.id : null;
    work.command({ kind: 'confirmOrder', id: request.param(0), owner }, showMoved);
  },
});

const fulfil = route({
  ...moves,
  id: 'fulfilOrder',
  path: '/api/v1/flash/orders/{id}/fulfil',
  summary: 'The unit has left the shop: the order can not be cancelled any more',
  access: ADMIN_OR_SERVICE,
  problems: ['order-not-found', 'order-cancelled'],
  handle({ request, work }) {
    work.command({ kind: 'fulfilOrder', id: request.param(0) }, showMoved);
  },
});

const listOrders = route({
  id: 'listOrders',
  method: 'GET',
  path: '/api/v1/flash/{productId}/orders',
  tag: TAG,
  summary: 'The orders of a round, in their order',
  access: ADMIN_OR_SERVICE,
  params: { productId: schemas.productId },
  query: schemas.ordersQuery,
  answers: { 200: { description: 'A page of orders', schema: schemas.ordersOut } },
  problems: ['product-not-found', 'bad-cursor'],
  handle({ answer, request, work }, _body, { limit, cursor, round: asked = null }) {
    const productId = request.param(0);
    const list = listOf('orders', productId, String(asked));
    const position = readCursor(answer, cursor, list, ['index', 'index']);
    if (position === undefined) return;
    // Another round may have begun since the first page.
    const [round, afterNumber] = (position ?? [asked, -1]) as [number | null, number];
    work.query({ kind: 'listOrders', productId, round, afterNumber, limit }, (_, result) => {
      if (result.kind !== 'orders') throw new Error(`a ${result.kind} for orders`);
      const { items, lastNumber, round: of } = result.page;
      sendPage(answer, items.map(orderJson), list, lastNumber === null ? null : [of, lastNumber]);
    });
  },
});

const exportOrders = route({
  id: 'exportOrders',
  method: 'GET',
  path: '/api/v1/flash/{productId}/orders.csv',
  tag: TAG,
  summary: 'The same as CSV, streamed',
  access: ADMIN_OR_SERVICE,
  params: { productId: schemas.productId },
  query: schemas.ordersFileQuery,
  deadlineMs: EXPORT_DEADLINE_MS,
  answers: { 200: { description: 'The file', schema: documents.csvOut, type: 'text/csv' } },
  problems: ['product-not-found'],
  handle(exchange, _body, { round = null, for: asked }) {
    const productId = exchange.request.param(0);
    const reader = asked ?? 'program';
    const row = rowFor(reader);
    // Another round may begin meanwhile.
    let of = round;
    exchange.work.run(() =>
      streamCsv(exchange, {
        fileName: 'orders.csv',
        header: `${reader === 'program' ? '' : '\ufeff'}orderId,productId,userId,status,orderedAt\r\n`,
        query: (after, limit) => ({ kind: 'listOrders', productId, round: of, afterNumber: after, limit }),
        pageOf(result) {
          if (result.kind !== 'orders') throw new Error(`a ${result.kind} for orders`);
          const { items, lastNumber } = result.page;
          of = result.page.round;
          return { rows: items.map(row).join(''), next: lastNumber };
        },
      }),
    );
  },
});

function rowFor(reader: 'program' | 'spreadsheet'): (order: OrderView) => string {
  const cell = cellFor(reader);
  return ({ id, productId, userId, status: of, orderedMs }) =>
    `${id},${cell(productId)},${cell(userId)},${of},${isoTime(orderedMs)}\r\n`;
}

export const flashRoutes: Specs = [
  ...init,
  ...order,
  ...status,
  ...inventory,
  ...cancel,
  pausing(true),
  pausing(false),
  adjust,
  confirm,
  fulfil,
  listOrders,
  exportOrders,
];
