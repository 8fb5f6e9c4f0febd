/** The groups of operations, in the order in which a new reader needs them. */
export const TAGS = [
  { name: 'Users and tokens', description: 'Sign in, and make accounts for your servers.' },
  { name: 'Coupon books', description: 'A book holds the codes of one campaign and the rules for them.' },
  { name: 'Codes', description: 'Generate, upload, list and export the codes of a book.' },
  { name: 'Coupons', description: 'Assign a code to a user, lock it, redeem it, and take any of these back.' },
  {
    name: 'Promotions',
    description: 'Discounts: codes that many customers share, and automatic ones without a code.',
  },
  {
    name: 'Checkout',
    description: 'What a cart gets, and reservations of it: reserve, then commit when the customer has paid.',
  },
  { name: 'Campaigns', description: 'What belongs together is decided together: all of it, or nothing.' },
  {
    name: 'Flash sales',
    description: 'Stock without codes: units of a product that many customers order at once.',
  },
  { name: 'Jobs', description: 'Work that takes longer than a request should.' },
  {
    name: 'Live updates',
    description: 'See locks and redemptions as they happen. WebSockets are described in `/asyncapi.json`.',
  },
  { name: 'Operation', description: 'Health, metrics, and a check of all data.' },
  { name: 'Pages', description: 'For people: this description, and what each problem means.' },
  { name: 'Older paths', description: 'Paths of systems that Clipbook replaces, with the same handlers.' },
] as const;

export type Tag = (typeof TAGS)[number]['name'];
