-- Up Migration

-- Each code that a pattern makes in a book comes from a counter. A counter is in one of these
-- states:
--
--     free       in `generated.free`, or `generated.next` and above
--     reserved   in `reserved_counters`: its code is being made and may become live
--     used       in neither: its code is live, or some other book has that code
--
-- Free ranges are taken before `next` grows. A multirange merges its neighbours by itself.
ALTER TABLE generated ADD COLUMN free int8multirange NOT NULL DEFAULT '{}';

-- Who holds which counters until it is certain whether their codes became live: 'job <id>' or
-- 'batch <id>'.
CREATE TABLE reserved_counters (
  holder   text PRIMARY KEY,
  book_id  uuid NOT NULL,
  pattern  text NOT NULL,
  ranges   int8multirange NOT NULL
);

-- Jobs that the version before has left under way.
INSERT INTO reserved_counters (holder, book_id, pattern, ranges)
SELECT
  'job ' || id,
  (detail::json #>> '{plan,bookId}')::uuid,
  detail::json #>> '{plan,pattern}',
  int8multirange(int8range(
    (detail::json #>> '{plan,from}')::bigint,
    (detail::json #>> '{plan,from}')::bigint + total
  ))
FROM jobs
WHERE status = 'processing' AND detail::json #>> '{plan,from}' IS NOT NULL;
