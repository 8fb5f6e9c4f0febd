/** The bytes that a journal directory holds: all segments of all epochs, the prepared ones too. */
import { type FileOps, isErrorCode } from './file-ops.js';
import { listEpochs, listSegments, preparedPath, segmentPath } from './layout.js';

export async function journalBytes(ops: FileOps, directory: string): Promise<number> {
  let bytes = 0;
  for (const epoch of listEpochs(ops, directory)) {
    const paths = listSegments(ops, directory, epoch).map((number) => segmentPath(directory, epoch, number));
    for (const path of [...paths, preparedPath(directory, epoch)]) bytes += await sizeOf(ops, path);
  }
  return bytes;
}

/** 0 for a file that is gone. */
export async function sizeOf(ops: FileOps, path: string): Promise<number> {
  try {
    return await ops.sizeLater(path);
  } catch (error) {
    if (isErrorCode(error, 'ENOENT')) return 0;
    throw error;
  }
}
