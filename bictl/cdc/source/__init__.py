"""The source itself: the T-SQL that lets SQL Server be captured, and the look at how it is."""

from bictl.cdc.source.catalogue import Catalogue, Place
from bictl.cdc.source.check import Examined, examine
from bictl.cdc.source.enable import Wish, script
from bictl.cdc.source.judge import Answer
from bictl.cdc.source.sides import Source

__all__ = ["Answer", "Catalogue", "Examined", "Place", "Source", "Wish", "examine", "script"]
