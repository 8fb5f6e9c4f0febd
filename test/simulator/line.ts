import type { Command, Origin, Query } from '../../src/domain/command.js';
import type { ShardId } from '../../src/domain/ids.js';
import type { UploadRequest } from './control.js';

/** The connection to a process. Each call gives the id of the request. */
export interface Line {
  ask(shard: ShardId, command: Command, origin: Origin): number;
  read(shard: ShardId, query: Query, twinOf: number | null): void;
  upload(shard: ShardId, request: UploadRequest): void;
}
