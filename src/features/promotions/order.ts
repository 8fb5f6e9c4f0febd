/** The order of promotions in a list. */
import type { PromotionFilter } from '../../domain/promotion-views.js';
import type { PromotionView } from '../../records/promotions.js';

/** By the field, then by id, so that pages don't overlap. A missing value is the last one. */
export function comparePromotions(
  a: PromotionView,
  b: PromotionView,
  sortBy: PromotionFilter['sortBy'],
  descending: boolean,
): number {
  const [x, y] = [sortValue(a, sortBy), sortValue(b, sortBy)];
  const byId = a.promotion.id < b.promotion.id ? -1 : 1;
  if (x === y) return byId;
  if (x === null) return 1;
  if (y === null) return -1;
  return (x < y ? -1 : 1) * (descending ? -1 : 1);
}

function sortValue({ promotion, usage }: PromotionView, sortBy: PromotionFilter['sortBy']): string | number | null {
  switch (sortBy) {
    case 'createdAt':
      return promotion.createdMs;
    case 'updatedAt':
      return promotion.updatedMs;
    case 'code':
      return promotion.settings.code;
    case 'discount':
      return promotion.settings.discount;
    case 'usageCount':
      return usage.usageCount;
    case 'endDate':
      return promotion.settings.end?.ms ?? null;
  }
}
