/**
 * What an account may be called and how long its password may be, for the API and for the command
 * line.
 */
import { z } from 'zod';
import type { Role } from '../postgres/store.js';

/**
 * As zod's own, but for names of hosts: a part of one has at most 63 characters and ends with a
 * letter or a digit.
 */
const EMAIL =
  /^[A-Za-z0-9_'+-]+(?:\.[A-Za-z0-9_'+-]+)*@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}$/;

/**
 * RFC 5321, section 4.5.3.1: 64 characters before the @, and 254 in all that a mail server takes.
 */
export const accountEmail = z
  .email({ pattern: EMAIL })
  .max(254)
  .regex(/^[^@]{1,64}@/, 'At most 64 characters before the @')
  .meta({ format: 'email' });
export const PASSWORD_LENGTH_MAX = 128;
export const ROLES = ['admin', 'service', 'user'] as const satisfies readonly Role[];
