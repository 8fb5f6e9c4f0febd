/** Access tokens of the peers: HS256, verified by jose, the verdict remembered for a minute. */
import { jwtVerify, SignJWT } from 'jose';

const GOOD_FOR_MS = 60_000;
const REMEMBERED_MAX = 10_000;

/** Whether a raw Authorization header holds a good token. At once when it is remembered. */
export function createTokenCheck(secret: string): (authorization: string) => boolean | Promise<boolean> {
  const key = new TextEncoder().encode(secret);
  const goodUntilMs = new Map<string, number>();

  async function verify(authorization: string): Promise<boolean> {
    try {
      await jwtVerify(authorization.replace(/^bearer +/i, ''), key, { algorithms: ['HS256'] });
    } catch {
      return false;
    }
    if (goodUntilMs.size >= REMEMBERED_MAX) goodUntilMs.clear();
    goodUntilMs.set(authorization, Date.now() + GOOD_FOR_MS);
    return true;
  }

  return (authorization) => (goodUntilMs.get(authorization) ?? 0) > Date.now() || verify(authorization);
}

/** A token that is good for an hour. */
export function signToken(secret: string): Promise<string> {
  return new SignJWT({ role: 'service' })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject('bench')
    .setIssuedAt()
    .setExpirationTime('1h')
    .sign(new TextEncoder().encode(secret));
}
