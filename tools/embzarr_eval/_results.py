"""What an evaluation found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Similarity:
    """A file of word pairs."""

    file: str
    pairs: int
    answered: int
    """Pairs of which both words have a vector; the others are left out."""
    spearman: float | None
    """Rank correlation of cosines with people's scores; None where it is not defined."""

    @property
    def coverage(self) -> float:
        """The share of pairs answered."""
        return self.answered / self.pairs

    def as_json(self) -> dict[str, object]:
        """Return everything as a JSON object."""
        return {
            "file": self.file,
            "pairs": self.pairs,
            "answered": self.answered,
            "coverage": self.coverage,
            "spearman": self.spearman,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class SectionScore:
    """Analogies of one section, or of all."""

    name: str
    questions: int
    answered: int
    """Questions of which all four words have a vector; the others are left out."""
    add_correct: int
    """Answered rightly by 3CosAdd."""
    mul_correct: int
    """Answered rightly by 3CosMul."""

    @property
    def add(self) -> float | None:
        """The share of answers right by 3CosAdd; None without answers."""
        return self.add_correct / self.answered if self.answered else None

    @property
    def mul(self) -> float | None:
        """The share of answers right by 3CosMul; None without answers."""
        return self.mul_correct / self.answered if self.answered else None

    def as_json(self) -> dict[str, object]:
        """Return everything as a JSON object."""
        return {
            "name": self.name,
            "questions": self.questions,
            "answered": self.answered,
            "add_correct": self.add_correct,
            "mul_correct": self.mul_correct,
            "add": self.add,
            "mul": self.mul,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Analogies:
    """A file of analogies."""

    file: str
    sections: tuple[SectionScore, ...]

    @property
    def total(self) -> SectionScore:
        """All sections together."""
        return SectionScore(
            name="total",
            questions=sum(section.questions for section in self.sections),
            answered=sum(section.answered for section in self.sections),
            add_correct=sum(section.add_correct for section in self.sections),
            mul_correct=sum(section.mul_correct for section in self.sections),
        )

    def as_json(self) -> dict[str, object]:
        """Return everything as a JSON object."""
        return {
            "file": self.file,
            "sections": [section.as_json() for section in self.sections],
            "total": self.total.as_json(),
        }
