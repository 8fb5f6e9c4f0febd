import type { BookId } from '../../domain/ids.js';
import type { StringTable } from '../../tables/string-table.js';
import type { Coupons } from './state.js';

/** How `noteReads` says what a command will read. */
export interface Reads {
  name(table: StringTable, name: string): void;
  draw(coupons: Coupons, bookId: BookId): void;
  roll(): void;
}
