/**
 * The names that all examples share, so that they tell one story: Ada gets a code of a summer drop,
 * locks it at the checkout and redeems it. Then she pays for shoes with a promotion. The answer of
 * one request can be sent as the next one.
 */
export const BOOK_ID = '019abe5c-6c00-7c3e-9d2f-5b1e8a4c7f10';
export const JOB_ID = '019abe5d-1f40-74a1-8e0b-2c9d6f3a5b71';
export const REDEMPTION_ID = '019abe61-52b8-7f0d-a3c4-8d1e6b2f9a05';
export const VERIFICATION_ID = '3f0f8f6e-55a4-4b5c-9d3e-1f0a7c1d2e3f';
export const ACCOUNT_ID = '019abe5b-0a10-7b6e-8f21-4d5c3b2a1908';
export const PROMOTION_ID = '019abe62-0b40-7c19-b6d2-1f7a9e3c5d84';
export const SHIPPING_ID = '019abe62-0a10-7f52-8c3e-6b4d2a9f0e17';
export const RESERVATION_ID = '019abe63-4e20-7d83-9a5b-7c1e4f6a2b30';
export const ORDER_ID = '019abe63-8c40-7a17-8000-0000c4f12a3b';
/** Callers choose it. */
export const CAMPAIGN_ID = '5b0c7f1e-2d4a-4c86-9e1f-3a7d8b2c6f90';

export const CODE = 'WELCOME-2026';
export const OTHER_CODE = 'VIP-0001';
export const DRAWN_CODE = 'K7QM-2XWD-9TRH-4VNB';
export const PROMOTION_CODE = 'SUMMER20';
export const PRODUCT = 'shoe-42';
export const CART = 'cart-4711';
export const USER = 'ada';
export const LOCK_ID = 12;
/** When the story happens, in answers. */
export const AT = '2026-06-08T08:00:00.123Z';
/** Of an upload of many codes. */
export const UPLOAD_REQUEST_ID = 'summer-drop-codes-1';

/** The cursor of a page has no meaning to a caller; this one has the right form. */
export const CURSOR = 'WzEsImhpc3RvcnkiLDEwNDFd';
