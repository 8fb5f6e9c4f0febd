-- Up Migration

-- The campaign of a book, for ever; null: it belongs to none.
ALTER TABLE books ADD COLUMN campaign_id uuid;

-- JSON: by hold, the redemption that the commit made; null: none of its holds has a unique code.
ALTER TABLE reservations ADD COLUMN redemption_ids text;

INSERT INTO change_kinds (kind, name) VALUES (26, 'bookJoinedCampaign'), (27, 'reservedCodesRedeemed');
