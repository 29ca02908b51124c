"""The report as PDF, for places that show no HTML (Galaxy, where the administrator has not allowed it)."""

from __future__ import annotations

import logging
import os
from importlib import resources

from unmix.errors import UnmixError


def as_pdf(page: str) -> bytes:
    """Print a page of :func:`unmix.report.render` on A4.

    Parameters
    ----------
    page
        The page as HTML.

    Returns
    -------
    bytes
        The PDF; the same page gives the same bytes.

    Raises
    ------
    UnmixError
        If WeasyPrint cannot lay the page out.
    """
    import weasyprint

    os.environ.setdefault("SOURCE_DATE_EPOCH", "0")  # else subset fonts carry the time at which they were made
    logging.getLogger("weasyprint").setLevel(logging.CRITICAL)  # it warns of rules that only screens need
    paper = (resources.files("unmix") / "templates" / "paper.css").read_text("utf-8")
    try:
        return weasyprint.HTML(string=page.replace("</style>", f"{paper}</style>", 1)).write_pdf()
    except Exception as error:  # WeasyPrint ends with an AssertionError on some page breaks
        raise UnmixError(
            f"the PDF could not be made ({type(error).__name__} in WeasyPrint {weasyprint.__version__})",
            "a page that it can lay out",
            "The HTML page is complete; print it from a browser",
        ) from error
