/** What the rules ask of one code. */
import type { ShardState } from './state.js';

/** Whether the code is in use by this user. */
export function isUsers(state: ShardState, index: number, userId: string): boolean {
  const record = state.codes.record(index);
  if (record === -1) return false;
  const user = state.codes.used.user.get(record) - 1;
  return user !== -1 && state.users.isCalled(user, userId);
}

/** The lock id of the code's live lease, or 0. */
export function leaseOf(state: ShardState, index: number, nowMs: number): number {
  const record = state.codes.record(index);
  return record === -1 || state.leases.untilMs(record) <= nowMs ? 0 : state.leases.lockId(record);
}

/** How many redemptions of the code stand. */
export function redemptionsOf(state: ShardState, index: number): number {
  const record = state.codes.record(index);
  return record === -1 ? 0 : state.codes.used.redemptionCount.get(record);
}
