"""A store looked at: by a page on this machine, or in one file to send to somebody.

    import embzarr_view

    embzarr_view.serve(embzarr_view.Opened("s3://bucket/run"), say=print)   # the extra ``view``
    embzarr_view.report(embzarr_view.Opened("s3://bucket/run"), "report.html")

Whatever the page shows is made by functions from the SDK's answers to JSON, all of which read in
parts; whatever text of a store they hand on shows as it is and is cut where it is long. The page
makes text of it, never markup.
"""

from embzarr_view._opened import Opened
from embzarr_view._report import report
from embzarr_view._server import Address, serve

__all__ = ["Address", "Opened", "report", "serve"]
