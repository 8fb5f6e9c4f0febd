#!/usr/bin/env node
/**
 * `clipbook`, the command line. Refuses a Node that does not fit, then loads the rest: `../main.ts`
 * tells why in this order.
 */
import nodeVersion from '../platform/node-version.cjs';

nodeVersion.exitUnlessSupported();
void import('./main.js');
