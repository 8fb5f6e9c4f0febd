import { BOOK_ID } from '../../../records/story.js';
import { type ExampleTable, json } from './example.js';

export const liveExamples: ExampleTable = {
  createTicket: {
    bodies: json({ shopper: { summary: "A shopper's codes", value: { topics: ['user:ada'] } } }),
    answers: {
      201: {
        ticket: {
          summary: 'For ten minutes',
          value: {
            ticket: 'eyJhbGciOiJIUzI1NiIsInR5cCI6ImxpdmUtdGlja2V0K2p3dCJ9.eyJ0b3BpY3MiOlsidXNlcjphZGEiXX0.c2lnbmF0dXJl',
            expiresAt: '2026-11-27T10:10:00.000Z',
          },
        },
      },
    },
  },
  streamEvents: {
    answers: {
      200: {
        assigned: {
          summary: 'A code was assigned',
          value: {
            id: 'AQIDBAUGBwED0g8',
            data: `{"type":"event","topics":["book:${BOOK_ID}"],"cursor":"AQIDBAUGBwED0g8","event":"coupon.assigned","at":"2026-11-27T10:00:00.000Z","data":{"couponBookId":"${BOOK_ID}","code":"SUMMER-7Q2X","userId":"ada"}}`,
          },
        },
      },
    },
  },
};
