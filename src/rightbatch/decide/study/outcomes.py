"""What an outcome says, for remarks that quote it."""

from rightbatch.records import Outcome, Remark


def outcome_remark(outcome: Outcome) -> Remark | None:
    """What happened in a trial; None where all went well."""
    return Remark.of("text", text=outcome.advice) if outcome.advice else None
