"""What several answers to one question come to. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from .prompt import Answer, Unreadable


@dataclass(frozen=True, slots=True)
class Tally:
    answer: Answer
    details: dict[str, object] | None


class NoMajority(ValueError):
    """Says what the votes were."""


def tally(votes: Sequence[Answer | Unreadable]) -> Tally:
    """One vote is the answer. Of several, more than half of all that were asked for must agree: a vote that is
    unreadable counts for nobody, so it can prevent a majority, and cannot make one. Raises NoMajority.
    """
    answers = [vote for vote in votes if isinstance(vote, Answer)]
    problem = next((vote for vote in votes if isinstance(vote, Unreadable)), None)
    passed = sum(answer.passed for answer in answers)
    failed = len(answers) - passed
    most = max(passed, failed)
    if 2 * most <= len(votes):
        if len(votes) == 1:
            raise NoMajority(str(problem))
        counts = f"{passed} passed, {failed} failed, {len(votes) - len(answers)} unreadable"
        raise NoMajority(f"no majority among {len(votes)} votes: {counts}; {problem}")
    if len(votes) == 1:
        return Tally(answers[0], None)
    scores = [answer.score for answer in answers if answer.score is not None]
    reason = next(answer.reason for answer in answers if answer.passed == (passed > failed))
    details = {
        "votes": [vote.passed if isinstance(vote, Answer) else None for vote in votes],
        "margin": abs(passed - failed) / len(votes),
        "agreement": most / len(votes),
    }
    return Tally(Answer(passed > failed, fmean(scores) if scores else None, reason), details)
