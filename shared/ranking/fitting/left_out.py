"""What choosing and calibrating ask of a leave-one-out, whether of a small bank or of a large one."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from shared.bank.ranking_fit import Method
from shared.ranking.methods import Floats, Ints


class LeftOut(Protocol):
    """Scores of q left-out queries in columns, which are classes: the same for all queries, or others for each."""

    @property
    def truth(self) -> Ints:
        """[q] the column of the right class."""

    @property
    def answerable(self) -> npt.NDArray[np.bool_]:
        """[q] whether the query's class has another photo."""

    @property
    def threshold(self) -> float:
        """The cosine above which rows are one photo."""

    @property
    def sizes(self) -> Ints:
        """[q, c] samples of each class."""

    @property
    def centroid(self) -> Floats:
        """[q, c] cosines to centroids computed without the query's own photo; -inf for empty classes."""

    @property
    def nearest(self) -> Floats:
        """[q, c] the best cosine to a sample; -inf where all are left out."""

    @property
    def text(self) -> Floats | None:
        """[q, c] cosines to class names."""

    def scores(self, method: Method) -> Floats:
        """[q, c] fine scores without the query's own photo; -inf for empty classes."""

    def out_of_bank_scores(self, method: Method) -> Floats:
        """[q, c] fine scores without the query's whole class, as if it were not in the bank; -inf for that class."""
