"""The verdict as one self-contained HTML file: headline, flow, offsets, findings, past, latency.

    markup      elements; every text is escaped where it is put into one
    scale       offsets as places on a line, and sets of ranges as marks that can be seen
    flow        the pipeline, boundary by boundary
    strips      the offset axis of each partition, layer by layer
    findings    checks, acknowledgements, what to do
    past        the runs before this one, latency
    section     one table
    document    the file

Nothing of it is fetched from elsewhere, and it can be read without its script.
"""

from bictl.verify.page.document import html_page

__all__ = ["html_page"]
