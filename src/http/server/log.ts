/** Where an HTTP thread logs. */
export interface HttpLog {
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  debug(fields: object, message: string): void;
}
