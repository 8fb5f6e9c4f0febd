/** `Control` over a message port: HTTP threads call, the main thread executes. */
import type { MessagePort } from 'node:worker_threads';
import { type Control, ControlError, type ControlReason } from './engine.js';

type Method = keyof Control;

const METHODS = {
  signIn: true,
  createUser: true,
  accountById: true,
  history: true,
  usageStats: true,
  usageGroups: true,
  promotionUses: true,
  countUsage: true,
  homeOfProduct: true,
  settleProduct: true,
  uploadBegin: true,
  uploadChunk: true,
  uploadEnd: true,
  uploadAbort: true,
  uploadProgress: true,
  generate: true,
  settleBatch: true,
  generateJob: true,
  job: true,
  cancelJob: true,
  verify: true,
  verification: true,
  readiness: true,
  metrics: true,
} satisfies Record<Method, true>;

interface Call {
  readonly id: number;
  readonly method: Method;
  readonly args: readonly unknown[];
}

type Answer =
  | { readonly id: number; readonly ok: true; readonly value: unknown }
  | {
      readonly id: number;
      readonly ok: false;
      readonly reason: ControlReason;
      readonly message: string;
      readonly path: string;
    };

interface Waiter {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

export function createControlClient(port: MessagePort): Control {
  const waiting = new Map<number, Waiter>();
  let nextId = 1;
  port.on('message', (answer: Answer) => {
    const waiter = waiting.get(answer.id);
    waiting.delete(answer.id);
    if (answer.ok) waiter?.resolve(answer.value);
    else waiter?.reject(new ControlError(answer.reason, answer.message, answer.path));
  });
  const call =
    (method: Method) =>
    (...args: unknown[]) =>
      new Promise<unknown>((resolve, reject) => {
        const id = nextId++;
        waiting.set(id, { resolve, reject });
        // The bytes of an upload are handed over, not copied.
        const transfer = args
          .filter((arg): arg is Uint8Array<ArrayBuffer> => arg instanceof Uint8Array)
          .map((bytes) => bytes.buffer);
        port.postMessage({ id, method, args } satisfies Call, transfer);
      });
  const methods = Object.keys(METHODS).map((method) => [method, call(method as Method)]);
  // Every method of Control is in METHODS, and the other side answers with what Control returns.
  return Object.fromEntries(methods) as Control;
}

export function serveControl(
  port: MessagePort,
  control: Control,
  onError: (error: unknown, method: string) => void,
): void {
  const answer = (message: Answer): void => port.postMessage(message);
  port.on('message', ({ id, method, args }: Call) => {
    const run = control[method] as (...all: readonly unknown[]) => Promise<unknown>;
    run(...args).then(
      (value) => answer({ id, ok: true, value }),
      (error: unknown) => {
        if (error instanceof ControlError)
          return answer({ id, ok: false, reason: error.reason, message: error.message, path: error.path });
        onError(error, method);
        answer({ id, ok: false, reason: 'unavailable', message: 'This can not be done right now.', path: '' });
      },
    );
  });
}
