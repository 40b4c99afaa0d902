"""The figures of the papers that the specs answer for, as data; docs/papers.py makes the tables."""

from docs.figures.diracnets import DIRACNETS
from docs.figures.kinds import Figure, Quantity, Size, Table
from docs.figures.onebit import ONE_BIT
from docs.figures.sharesnet import SHARESNET_PAPER
from docs.figures.thesis import THESIS
from docs.figures.wrn import WRN_PAPER

__all__ = ["PAPERS", "Figure", "Quantity", "Size", "Table"]

PAPERS = (SHARESNET_PAPER, WRN_PAPER, DIRACNETS, ONE_BIT, THESIS)
