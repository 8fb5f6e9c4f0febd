"""What schemathesis cannot know of Clipbook. docs/api-description.md explains each kind of report that is left out."""

import json
import re

import schemathesis

# A request that fits the schema may still be refused because of the state that it meets, or because of a rule between
# two things that a JSON schema cannot express. Such a refusal names itself.
REFUSED_FOR_ITS_STATE = {
    "bad-cursor",
    "book-archived",
    "book-invalid",
    "book-not-active",
    "book-not-begun",
    "book-over",
    "coupon-code-taken",
    "coupon-not-applicable",
    "dry-run-not-possible",
    "idempotency-key-reused",
    "locked-by-another",
    "not-in-one-campaign",
    "not-possible",
    "reservation-over",
    "use-incomplete",
    "used-up",
    "user-codes-limit",
    "user-redemptions-limit",
    "version-mismatch",
}
RULES_BETWEEN_FIELDS = {
    "A cart has lines, or a cartTotal",
    "A code, or codes, which may be empty",
    "A date without a time needs a timeZone",
    "A percentage is at most 100",
    "Codes or promotions to reserve",
    "endDate has to come after startDate",
    "Not together with code",
    "Not together with lines, which give the total",
    "Not together with lines, which name the products",
    "Only with reserve",
    "Required if couponFor is minPurchase",
    "The same as from; a whole day is 00:00 to 24:00",
    "The sum of the cart is too large",
    "maxUsagePerPeriod needs a timeZone",
    "schedule needs a timeZone",
    "maxRedemptionsPerCode needs allowMultipleRedemptions",
    "At least one topic is needed",
    "Means nothing for json",
    "Means nothing for ndjson",
    "Not between the years 0000 and 9999 in UTC",
}
# What a pattern cannot tell: names that exist, days that exist, and digits that depend on the currency.
RULES_OF_VALUES = (
    "A percentage has at most 4 fraction digits",
    "Has more fraction digits than its currency",
    "Not a currency of ISO 4217",
    "Not an IANA time zone",
    "There is no day ",
)
VALUE_RULE = re.compile(r" is a word of the API's paths| does not exist: one of| is named twice$| separate windows a week")
# Depth, length, characters and the size of numbers, anywhere in a value of any shape.
FREE_TEXT_AND_JSON = {"attributes", "condition", "description", "metadata"}
# The parts of a code pattern add up to 3 to 64 characters, with one {CHECK} at most.
ADDED_UP = {"codePattern"}
# A body of these types is text, whatever value it was made of: null is sent as the four letters.
TEXT_TYPES = {"text/csv", "application/x-ndjson"}
QUANTITY_MAX = 20_000


@schemathesis.serializer("application/x-ndjson")
def lines(ctx, value):
    return {"data": value if isinstance(value, bytes) else str(value).encode()}


@schemathesis.hook
def map_body(ctx, body):
    """Keeps a run from generating codes by the million; what is out of range stays so."""
    quantity = body.get("quantity") if isinstance(body, dict) else None
    if isinstance(quantity, int) and QUANTITY_MAX < quantity <= 10_000_000:
        return {**body, "quantity": QUANTITY_MAX}
    return body


@schemathesis.hook
def filter_failure(ctx, failure, case, response):
    """Keeps a failure unless it is a refusal that the lists above explain."""
    kind = type(failure).__name__
    if kind == "AcceptedNegativeData" and case.media_type in TEXT_TYPES:
        return "in body - violates `type`" not in failure.message
    if kind != "RejectedPositiveData":
        return True
    try:
        problem = json.loads(response.content)
    except ValueError:
        return True
    slug = str(problem.get("type", "")).removeprefix("/problems/")
    if slug == "validation":
        return not all(map(is_explained, problem["errors"]))
    return slug not in REFUSED_FOR_ITS_STATE


def is_explained(error):
    message = error["message"]
    if message in RULES_BETWEEN_FIELDS or message.startswith(RULES_OF_VALUES) or VALUE_RULE.search(message):
        return True
    return error["path"] in FREE_TEXT_AND_JSON | ADDED_UP
