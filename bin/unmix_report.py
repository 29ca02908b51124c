#!/usr/bin/env python
"""Write one HTML page from a folder of results: fractions, flags, accuracy and provenance."""

import click

from unmix import cli


@click.command(help=__doc__)
@click.argument("results_dir", type=cli.DIRECTORY)
@click.option("--title", default="", help="Title of the page.  [default: Cell-type fractions]")
@click.option("--headline", help="Method shown first.  [default: the one whose fractions are in RESULTS_DIR]")
@click.option("--out", type=cli.OUTPUT, default="report.html", show_default=True, help="The page.")
@click.option("--pdf", type=cli.OUTPUT, help="The same page as PDF.")
@cli.common
def main(results_dir, title, headline, out, pdf, **common):
    with cli.run("report", **common) as job:
        from unmix import report

        page = report.render(report.read_results(results_dir, headline), title)
        job.output(out).write_text(page, encoding="utf-8")
        if pdf:
            from unmix.errors import UnmixError
            from unmix.report.pdf import as_pdf

            job.commit(None)  # the page is complete without the PDF
            try:
                printed = as_pdf(page)
            except UnmixError as error:
                job.say(f"No PDF: {error.found}. {error.do}.")
            else:
                job.output(pdf).write_bytes(printed)


if __name__ == "__main__":
    main()
