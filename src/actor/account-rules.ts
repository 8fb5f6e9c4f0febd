/** What an account may be called and how long its password may be, for the API and for the command line. */
import { z } from 'zod';
import type { Role } from '../postgres/store.js';

export const accountEmail = z.email().max(254);
export const PASSWORD_LENGTH_MAX = 128;
export const ROLES = ['admin', 'service', 'user'] as const satisfies readonly Role[];
