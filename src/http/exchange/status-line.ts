import { STATUS_CODES } from 'node:http';

const LINES = new Map(Object.entries(STATUS_CODES).map(([status, phrase]) => [Number(status), `${status} ${phrase}`]));

/** `"404 Not Found"` */
export const statusLine = (status: number): string => LINES.get(status) ?? String(status);
