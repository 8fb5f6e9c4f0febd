import { ACCOUNT_ID } from '../../../records/story.js';
import type { ExampleTable } from './example.js';
import { json } from './example.js';

const account = { id: ACCOUNT_ID, email: 'till-7@example.com', role: 'service' };

export const userExamples: ExampleTable = {
  signIn: {
    bodies: json({
      seeded: {
        summary: 'The seeded admin (outside production)',
        value: { email: 'admin@admin.com', password: 'Password1' },
      },
    }),
    answers: {
      200: {
        token: {
          summary: 'A token for an hour',
          value: {
            accessToken: 'eyJhbGciOiJIUzI1NiIsInR5cCI6ImF0K2p3dCJ9.eyJyb2xlIjoiYWRtaW4ifQ.c2lnbmF0dXJl',
            tokenType: 'Bearer',
            expiresIn: 3600,
          },
        },
      },
    },
  },
  createUser: {
    bodies: json({
      service: {
        summary: 'An account for a server of yours',
        value: { email: 'till-7@example.com', password: 'correct horse battery', role: 'service' },
      },
    }),
    answers: { 201: { account: { summary: 'The account', value: account } } },
  },
  getMe: { answers: { 200: { account: { summary: 'A service account', value: account } } } },
};
