/**
 * A priced cart as the JSON of its answer. It is written once, where it is priced, and then only
 * copied: to the HTTP thread, to the memory of idempotency keys and into the journal. As an object,
 * it would be cloned, or made to JSON and back, at each of these.
 *
 * Ids, codes, currencies, rules and exact amounts have nothing that JSON escapes.
 */
import type { AppliedDiscount, AppliedStep, LineAmount, Quote, SkippedStep } from '../../records/promotions.js';
import { exponentOf } from './pricing/currencies.js';
import { moneyText, tenThousandthsText } from './pricing/money.js';

export function quoteText({ currency, originalAmount, discountAmount, finalAmount, applied, steps }: Quote): string {
  const exponent = exponentOf(currency) ?? 2;
  const [first] = applied;
  const discount = moneyText(discountAmount, exponent);
  const singular =
    first === undefined
      ? '{"couponCode":null,"discountType":null,"discountValue":null'
      : `{"couponCode":${codeText(first.code)},"discountType":"${first.type}","discountValue":${valueText(first, exponent)}`;
  const amounts = `,"discountAmount":${discount},"originalAmount":${moneyText(originalAmount, exponent)},"finalAmount":${moneyText(finalAmount, exponent)},"savings":${discount},"currency":"${currency}"`;
  let text = `${singular}${amounts},"applied":[`;
  for (let at = 0; at < applied.length; at++) {
    if (at > 0) text += ',';
    text += appliedText(applied[at] as AppliedDiscount, exponent);
  }
  text += '],"steps":[';
  for (let at = 0; at < steps.length; at++) {
    if (at > 0) text += ',';
    const step = steps[at] as AppliedStep | SkippedStep;
    text += step.kind === 'applied' ? appliedStepText(step, exponent) : skippedStepText(step);
  }
  return `${text}]}`;
}

const codeText = (code: string | null): string => (code === null ? 'null' : `"${code}"`);

/** The discount as it was given: a percentage, or an amount. */
const valueText = ({ type, discount }: AppliedDiscount, exponent: number): string =>
  type === 'fixed' ? moneyText(discount, exponent) : tenThousandthsText(discount);

function appliedText(applied: AppliedDiscount, exponent: number): string {
  const { promotionId, code, type, amount, lines } = applied;
  const about = `{"couponId":"${promotionId}","code":${codeText(code)},"type":"${type}"`;
  const value = `,"value":${valueText(applied, exponent)},"amount":${moneyText(amount, exponent)}`;
  return `${about}${value},"lines":[${linesText(lines, exponent)}]}`;
}

function linesText(lines: readonly LineAmount[], exponent: number): string {
  let text = '';
  for (const { line, amount } of lines) {
    if (text !== '') text += ',';
    text += `{"line":${line},"amount":${moneyText(amount, exponent)}}`;
  }
  return text;
}

function appliedStepText(step: AppliedStep, exponent: number): string {
  const { base, rule, exact, rounded, cap, amount, totalAfter } = step;
  const made = `"base":${moneyText(base, exponent)},"rule":"${rule}","exact":"${exact}","rounded":${moneyText(rounded, exponent)}`;
  const capped = cap === null ? '' : `,"cappedBy":"${cap.by}"`;
  const result = `"amount":${moneyText(amount, exponent)},"totalAfter":${moneyText(totalAfter, exponent)}`;
  return `${aboutText(step)},"result":"applied",${made}${capped},${result}}`;
}

function skippedStepText(step: SkippedStep): string {
  const { reason, explanation } = step;
  const explained = explanation === null ? '' : `,"explanation":${JSON.stringify(explanation)}`;
  return `${aboutText(step)},"result":"skipped","reason":${JSON.stringify(reason)}${explained}}`;
}

/** A code that is not there has no id. */
const aboutText = ({ id, code }: AppliedStep | SkippedStep): string =>
  `{"couponId":${id === '' ? 'null' : `"${id}"`},"code":${codeText(code)}`;
