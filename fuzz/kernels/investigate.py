"""Findings of kernel campaigns: as those of graphs, with kernels' own reduction, signature and script."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from misfold.programs.errors import StoreError
from misfold.programs.kernel import KernelCase
from misfold.programs.kernel_tvmscript import TVMScriptCase, parse_any_kernel
from misfold.triage.kernel_script import export_kernel_script
from misfold.triage.kernel_signature import kernel_patterns, kernel_title, silent_kernel_signature
from misfold.triage.known.issues import Call
from misfold.triage.script import run_script
from misfold.triage.tvmscript import tvmscript_patterns, tvmscript_title

from ..examine import Examination
from ..investigate import BUGS, Investigator
from ..reducing import Reduced
from ..store import Bug

#: The service of kernel workers that gives a target's part of a script.
SCRIPT = "misfold.targets.kernels.running:script"


class KernelInvestigator(Investigator):
    """Investigates findings of one lane of a kernel campaign."""

    kernel = True

    def parse(self, text: str) -> KernelCase | TVMScriptCase:
        return parse_any_kernel(text)

    def patterns(self, case: Any) -> list[str]:
        return tvmscript_patterns(case.script) if isinstance(case, TVMScriptCase) else kernel_patterns(case.function)

    def calls(self, case: Any) -> tuple[Call, ...]:
        return tuple([Call(pattern) for pattern in self.patterns(case)])

    def silent_signature(self, reduced: Examination, result: Reduced) -> str:
        patterns = self.patterns(result.normal)
        return silent_kernel_signature(reduced.target, reduced.verdict, reduced.outcome, patterns, result.blame.key)

    def title(self, reduced: Examination) -> str:
        if isinstance(reduced.case, TVMScriptCase):
            return tvmscript_title(reduced.verdict, reduced.outcome, reduced.pipeline, reduced.case.script)
        return kernel_title(reduced.verdict, reduced.outcome, reduced.pipeline, reduced.case.function)

    def script(self, reduced: Examination, heading: str, exact: bool = False) -> str:
        self._heading = heading
        request = {
            "target": reduced.target, "case": reduced.case.text, "pipeline": reduced.pipeline.to_data(), "exact": exact,
        }  # fmt: skip
        family = self.examiner.targets[reduced.target].family
        answer = self.examiner.call(family, SCRIPT, request, self.examiner.seconds, fresh=True)
        source = (answer.data or {}).get("source")
        if source is None:
            why = answer.death.message if answer.death is not None else "it has none"
            return f"raise SystemExit({f'no script for {reduced.target}: {why}'!r})\n"
        expected: Any = reduced.reference
        values = {name: array for name, array in expected.values.items() if name not in expected.approximate}
        return export_kernel_script(reduced.case, reduced.target, source, heading, values)

    def write_files(self, bug: Bug, reduced: Examination) -> None:
        """As the base; a script whose text does not show the bug holds the very function that was compiled instead."""
        super().write_files(bug, reduced)
        path = self.store.folder / BUGS / f"B{bug.id}.py"
        readable = path.read_text(encoding="utf-8")
        if run_script(readable, self.examiner.folder, hangs=bug.kind == "hang") != "reproduces":
            try:
                path.write_text(self.script(reduced, self._heading, exact=True), encoding="utf-8")
            except OSError as error:
                raise StoreError(f"{path}: cannot be written: {error.strerror}") from error

    def write_case(self, case: Any, path: Path) -> None:
        file = path.with_name(f"{path.name}.kernel")
        try:
            file.write_text(case.text, encoding="utf-8")
        except OSError as error:
            raise StoreError(f"{file}: cannot be written: {error.strerror}") from error
