/**
 * What a command of coupon books will read.
 *
 * Written by `npm run generate` from the declarations in src/. Do not edit.
 */
import type { Command } from '../../domain/command.js';
import type { Reads } from './reads.js';
import type { Coupons } from './state.js';

/** Notes what the command will read. Rare commands wait for their memory. */
export function noteReads(reads: Reads, coupons: Coupons, command: Command): void {
  switch (command.kind) {
    case 'assignRandom':
      reads.draw(coupons, command.bookId);
      reads.name(coupons.users.names, command.userId);
      return;
    case 'assignCode':
      reads.name(coupons.codes.strings, command.code);
      reads.name(coupons.users.names, command.userId);
      return;
    case 'lockCode':
      reads.name(coupons.codes.strings, command.code);
      reads.name(coupons.users.names, command.userId);
      return;
    case 'unlockCode':
      reads.name(coupons.codes.strings, command.code);
      reads.name(coupons.users.names, command.userId);
      return;
    case 'redeemCode':
      reads.roll();
      reads.name(coupons.codes.strings, command.code);
      reads.name(coupons.users.names, command.userId);
      return;
    case 'unassignCode':
      reads.name(coupons.codes.strings, command.code);
      return;
    case 'rollbackRedemption':
      reads.name(coupons.codes.strings, command.code);
      return;
    case 'placeOrder':
    case 'reserve':
    case 'openBatch':
    case 'giveUpBatch':
    case 'addCodes':
    case 'createBook':
    case 'updateBook':
    case 'archiveBook':
    case 'confirmOrder':
    case 'fulfilOrder':
    case 'cancelOrder':
    case 'initStock':
    case 'adjustStock':
    case 'pauseStock':
    case 'createPromotion':
    case 'updatePromotion':
    case 'archivePromotion':
    case 'stopCampaign':
    case 'commitReservation':
    case 'releaseReservation':
    case 'renewReservation':
    case 'rollbackReservation':
    case 'usePromotion':
      return;
  }
}
