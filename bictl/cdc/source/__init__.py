"""The source itself, SQL Server: the T-SQL that lets it be captured, and the look at how it is."""

from bictl.cdc.source.catalogue import Catalogue, Place
from bictl.cdc.source.check import Examined, examine
from bictl.cdc.source.enable import Wish, script
from bictl.cdc.source.judge import Answer

__all__ = ["Answer", "Catalogue", "Examined", "Place", "Wish", "examine", "script"]
