#!/usr/bin/env python
"""Check the samplesheet, parameters and methods of a pipeline run; write the tables of its jobs."""

import click

from unmix import cli


@click.command(help=__doc__)
@click.argument("samplesheet", type=cli.FILE)
@click.option("--schema", type=cli.FILE, required=True, help="JSON schema of one row: assets/schema_input.json.")
@click.option("--folder", help="Folder to which paths are relative.  [default: that of the samplesheet]")
@click.option("--params", type=cli.FILE, help="The pipeline's parameters (JSON).")
@click.option("--params-schema", type=cli.FILE, help="Their JSON schema: nextflow_schema.json.")
@click.option(
    "--out-dir", type=cli.OUTPUT_DIRECTORY, required=True, help="Folder for rows.json and, with --params, jobs.json."
)
@cli.common
def main(samplesheet, schema, folder, params, params_schema, out_dir, **common):
    with cli.run("samplesheet", **common) as job:
        import json

        from unmix import methods as registry
        from unmix.pipeline import jobs, parameters
        from unmix.pipeline import samplesheet as sheets

        row_schema = json.loads(schema.read_text(encoding="utf-8"))
        rows = sheets.read(samplesheet, row_schema)
        rows = sheets.resolve(rows, folder or str(samplesheet.absolute().parent), row_schema)
        sheets.write_json(rows, job.output(out_dir / "rows.json"))
        if params:
            rules = json.loads(params_schema.read_text(encoding="utf-8"))
            given = json.loads(params.read_text(encoding="utf-8"))
            values = parameters.check_params({"input": samplesheet.name, **given}, rules)
            known = registry.all_methods()
            methods, panel = parameters.choose(values["methods"], values.get("controls", "none"), known, registry.PANEL)
            sheets.write_json(jobs.jobs(rows, methods, known, panel), job.output(out_dir / "jobs.json"))


if __name__ == "__main__":
    main()
