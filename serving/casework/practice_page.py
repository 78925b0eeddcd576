"""The practice page: made-up cases to judge, then what was right and why."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from serving.casework.pages import Pages
from serving.practice_cases import PASSED, Result

__all__ = ["PracticePage"]


class PracticePage(Pages):
    """Practice, for whoever decides on cases."""

    def practice(self, request: Request) -> Response:
        """Show the cases."""
        self.allow(request, "referral.decide")
        return self._shown(request, {}, None)

    async def answered(self, request: Request) -> Response:
        """Mark the answers, say why, and note in the log that somebody passed."""
        fields = await self.form(request)
        return await run_in_threadpool(self._answered, request, fields)

    def _answered(self, request: Request, fields: Mapping[str, str]) -> Response:
        identity = self.allow(request, "referral.decide")
        practice = self.desk.practice
        said = {number: fields.get(f"case-{number}") for number in range(len(practice.cases))}
        answers = {number: answer == "wrong" for number, answer in said.items() if answer in ("wrong", "right")}
        if len(answers) < len(practice.cases):
            return self._shown(request, answers, None, "Answer every case, then send them together.")
        result = practice.marked(answers)
        if result.passed:
            detail = {"right": sum(result.right), "found": result.found}
            self.desk.store.log(identity, PASSED, subject="practice", detail=detail)
        return self._shown(request, answers, result)

    def _shown(self, request: Request, answers: Mapping[int, bool], result: Result | None, error: str = "") -> Response:
        practice = self.desk.practice
        return self.page(
            request,
            "practice.html",
            400 if error else 200,
            title="Practice",
            practice=practice,
            wrong=sum(case.wrong for case in practice.cases),
            answers=answers,
            result=result,
            error=error,
            passed_until=self.desk.practised_until(request.state.session.identity),
        )
