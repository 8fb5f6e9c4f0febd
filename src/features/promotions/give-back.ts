/**
 * How much of a committed reservation a rollback gives back. Each line of the cart gives back the
 * same share of its discounts as of its pieces, rounded half up over all that was given back of it
 * so far. So the parts of a line always sum up to the whole of it, in whatever steps they come.
 */
import type { RolledBackLine } from '../../records/objects.js';
import type { GivenBack, ReservedCart } from '../../records/promotions.js';

export type Back = { readonly givenBack: GivenBack; readonly isWhole: boolean } | { readonly refusal: string };

export function backOf(cart: ReservedCart, before: GivenBack | null, lines: readonly RolledBackLine[] | null): Back {
  if (lines === null) return whole(cart);
  if (cart.lines === null)
    return { refusal: 'The cart of this reservation had no lines; only the whole use can go back.' };
  const quantities = [...(before?.quantities ?? cart.lines.map(() => 0))];
  for (const { productId, quantity } of lines) {
    const missing = take(cart.lines, quantities, productId, quantity);
    if (missing === 0) continue;
    const reserved = cart.lines.some((line) => line.productId === productId);
    return {
      refusal: reserved
        ? `Of product ${productId}, ${quantity - missing} pieces are left to roll back, not ${quantity}.`
        : `Product ${productId} is not in the cart of this reservation.`,
    };
  }
  if (quantities.every((quantity, line) => quantity === cart.lines?.[line]?.quantity)) return whole(cart);
  return { givenBack: { quantities, amounts: amountsOf(cart, quantities) }, isWhole: false };
}

/** Takes pieces of a product from its lines, in their order; gives how many are missing. */
function take(
  lines: NonNullable<ReservedCart['lines']>,
  quantities: number[],
  productId: string,
  quantity: number,
): number {
  let missing = quantity;
  for (const [at, line] of lines.entries()) {
    if (line.productId !== productId) continue;
    const before = quantities[at] ?? 0;
    const taken = Math.min(missing, line.quantity - before);
    quantities[at] = before + taken;
    missing -= taken;
  }
  return missing;
}

function amountsOf({ lines, holds }: ReservedCart, quantities: readonly number[]): number[] {
  return holds.map((hold) =>
    hold.lines.reduce((sum, { line, amount }) => {
      const { quantity = 1 } = lines?.[line] ?? {};
      return sum + share(amount, quantities[line] ?? 0, quantity);
    }, 0),
  );
}

/** `amount * part / whole`, rounded half up. The product may exceed 2^53. */
function share(amount: number, part: number, whole: number): number {
  return Number((2n * BigInt(amount) * BigInt(part) + BigInt(whole)) / (2n * BigInt(whole)));
}

function whole({ lines, holds }: ReservedCart): Back {
  const quantities = lines?.map(({ quantity }) => quantity) ?? null;
  return { givenBack: { quantities, amounts: holds.map(({ amount }) => amount) }, isWhole: true };
}
