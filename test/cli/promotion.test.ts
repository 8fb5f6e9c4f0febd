/** `clipbook promotion` against a real server. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ended, startCli } from '../support/cli.js';
import { openStage, type Stage } from './stage.js';

const USER_LOGIN = { email: 'user@user.com', password: 'Password1' };
let stage: Stage;

before(async () => {
  stage = await openStage();
});
after(() => stage.close());

const run = (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  ended(startCli(['promotion', ...args], { CLIPBOOK_URL: stage.server.url, CLIPBOOK_TOKEN: stage.token, ...env }));

async function fileOf(name: string, text: string): Promise<string> {
  const path = join(stage.directory, name);
  await writeFile(path, text);
  return path;
}

const byCode = async (code: string) => (await stage.api.call('GET', `/coupons/code/${code}`)).body;

describe('clipbook promotion', () => {
  it('creates a promotion from options', async () => {
    const limits = ['--max-usage', '5', '--budget', '99.5', '--start', '2026-01-01', '--time-zone', 'Europe/Berlin'];
    const args = ['create', '--type', 'fixed', '--discount', '7.5', '--code', 'cli-one', '--min-purchase', '20'];
    const { code, out } = await run([...args, ...limits, '--currency', 'EUR', '--products', 'a | b']);
    assert.equal(code, 0);
    assert.match(out, /^created CLI-ONE {2}7\.5 EUR fixed {2}0 of 5 used {2}[0-9a-f-]{36}\n$/);
    const made = await byCode('CLI-ONE');
    assert.deepEqual(
      [made.couponFor, made.minPurchaseAmount, made.products, made.budget, made.startDate],
      ['minPurchase', 20, ['a', 'b'], 99.5, '2025-12-31T23:00:00.000Z'],
    );
  });

  it('creates a promotion from a file, and options take precedence', async () => {
    const fields = { type: 'percentage', discount: 50, couponFor: 'product', stacking: { exclusive: true } };
    const from = await fileOf('one.json', JSON.stringify(fields));
    const { code, out } = await run(['create', '--from', from, '--discount', '15', '--code', 'CLI-TWO', '--json']);
    assert.equal(code, 0);
    assert.deepEqual([(JSON.parse(out) as { code: string }).code, (await byCode('CLI-TWO')).discount], ['CLI-TWO', 15]);
    assert.equal((await byCode('CLI-TWO')).stacking.exclusive, true);
  });

  it('creates one promotion for one key', async () => {
    const args = ['create', '--type', 'percentage', '--discount', '5', '--idempotency-key', 'cli-key'];
    const first = await run(args);
    assert.deepEqual(await run(args), first);
  });

  it('names the field that the server refuses, and ends with 3', async () => {
    const { code, told } = await run(['create', '--type', 'percentage', '--discount', '101', '--code', 'NEVER']);
    assert.equal(code, 3);
    assert.match(told, /\n {2}discount: A percentage is at most 100\n/);
  });

  it('ends with 2 for a file that is not JSON, and for a number that is none', async () => {
    const file = await fileOf('broken.json', '{');
    assert.match((await run(['create', '--from', file])).told, /'.*broken\.json' is not JSON: /);
    const codes = await Promise.all([run(['create', '--from', file]), run(['apply', '--total', 'much'])]);
    assert.deepEqual(
      codes.map(({ code }) => code),
      [2, 2],
    );
  });

  it('lists promotions over all pages, and filters them', async () => {
    const campaignId = '7d1f1f0c-6d0e-4c52-9d0b-1f6a0e8c2b11';
    for (let n = 0; n < 103; n++) {
      const body = { automatic: true, type: 'percentage', discount: 1, couponFor: 'product', campaignId };
      assert.equal((await stage.api.call('POST', '/coupons', body)).status, 201);
    }
    const { code, out } = await run(['list', '--campaign', campaignId]);
    assert.equal(code, 0);
    assert.equal(out.match(/^\(automatic\) {2}1 % percentage {2}0 used {2}/gm)?.length, 103);
    const one = JSON.parse((await run(['list', '--code', 'CLI-ONE', '--json'])).out) as { code: string }[];
    assert.deepEqual(
      one.map((promotion) => promotion.code),
      ['CLI-ONE'],
    );
  });

  it('applies codes to a cart, explains each, and changes nothing', async () => {
    const args = ['apply', 'cli-two', 'nothing', '--total', '200', '--user', 'ada'];
    const { code, out } = await run(args);
    assert.equal(code, 0);
    assert.equal(
      out,
      'CLI-TWO: 30 off: 15 % of the whole cart\nNOTHING: skipped: Coupon not found\n200 - 30 = 170 USD\n',
    );
    assert.equal((await byCode('CLI-TWO')).heldCount, 0);
    const cart = await fileOf('cart.json', '{"lines":[{"productId":"a","quantity":2,"unitPrice":10}]}');
    assert.match((await run(['apply', 'CLI-TWO', '--cart', cart])).out, /^CLI-TWO: 3 off: .*\n20 - 3 = 17 USD\n$/);
    const refused = await run(['apply', 'CLI-ONE', '--total', '5', '--currency', 'EUR', '--products', 'a']);
    assert.equal(refused.code, 3);
    assert.match(refused.told, /Minimum purchase amount of €20 required/);
  });

  it('imports the lines of a file, goes on after a bad one, and then ends with 1', async () => {
    const file = await fileOf(
      'promotions.csv',
      [
        'code;type;discount;products;minPurchaseAmount;schedule;timeZone',
        'FILE-1;percentage;10;a|b;;;',
        'FILE-2;percentage;ten;;;;',
        'FILE-1;percentage;10;;;;',
        'FILE-3;fixed;5;;25.50;"[{""days"":[""mon""],""from"":""08:00"",""to"":""12:00""}]";Europe/Berlin',
        'FILE-4;percentage;110;;;;',
      ].join('\r\n'),
    );
    const { code, out, told } = await run(['import', file]);
    assert.equal(code, 1);
    const lines = out.split('\n');
    assert.match(lines[0] ?? '', /^line 2: created FILE-1 {2}[0-9a-f-]{36}$/);
    assert.equal(lines[1], 'line 3: discount: ten is not a number such as 19.90');
    assert.match(lines[2] ?? '', /^line 4: .*Coupon code already taken/);
    assert.match(lines[3] ?? '', /^line 5: created FILE-3 /);
    assert.match(lines[4] ?? '', /^line 6: .*A percentage is at most 100/);
    assert.equal(lines[5], '2 made of 5, 3 refused');
    assert.equal(told, '3 of 5 lines were refused.\n');
    assert.deepEqual((await byCode('FILE-1')).products, ['a', 'b']);
    const third = await byCode('FILE-3');
    assert.deepEqual([third.couponFor, third.minPurchaseAmount, third.schedule.length], ['minPurchase', 25.5, 1]);
  });

  it('makes no line twice when the same file is imported again with its key', async () => {
    const first = await fileOf('again.csv', 'code,type,discount\nAGAIN-1,percentage,10\nAGAIN-1,percentage,10\n');
    const args = ['import', first, '--idempotency-key', 'again', '--json'];
    const before = JSON.parse((await run(args)).out) as { made: number; lines: object[] };
    const after = JSON.parse((await run(args)).out) as { made: number; lines: object[] };
    assert.equal(before.made, 1);
    assert.deepEqual([after.made, after.lines[0]], [1, before.lines[0]]);
  });

  it('sends nothing of a file whose header or encoding is wrong', async () => {
    const files = [
      await fileOf('unknown.csv', 'code,type,discuont\nNEVER-1,percentage,10\n'),
      await fileOf('twice.csv', 'code,type,type\nNEVER-1,percentage,10\n'),
      await fileOf('empty.csv', ''),
      await fileOf('open.csv', 'code,type,discount\n"NEVER-1,percentage,10\n'),
    ];
    const ends = await Promise.all(files.map((file) => run(['import', file])));
    assert.deepEqual(
      ends.map(({ code }) => code),
      [2, 2, 2, 2],
    );
    assert.match(ends[0]?.told ?? '', /has a column "discuont", which is no field of a promotion/);
    assert.match(ends[1]?.told ?? '', /has the column type twice/);
    assert.equal((await stage.api.call('GET', '/coupons/code/NEVER-1')).status, 404);
  });

  it('stops at the first line if the account may not make promotions', async () => {
    const { accessToken } = (await stage.api.call('POST', '/auth/token', USER_LOGIN)).body;
    const file = await fileOf('forbidden.csv', 'code,type,discount\nNEVER-2,percentage,1\nNEVER-3,percentage,1\n');
    const { code, out, told } = await run(['import', file], { CLIPBOOK_TOKEN: accessToken as string });
    assert.deepEqual([code, out], [3, '']);
    assert.match(told, /^error: line 2: .*\(403, request /);
  });
});
