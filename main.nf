#!/usr/bin/env nextflow
// unmix: cell-type fractions of bulk RNA-seq. What runs stands in workflows/, one process per step in modules/.

include { DECONVOLVE } from './workflows/deconvolve.nf'

workflow {
    main:
    if (!params.input) {
        error("--input is not given.\n  expected: a samplesheet with the columns id,bulk,reference\n  do: add --input samplesheet.csv, or try -profile demo")
    }
    def outdir = params.outdir
    DECONVOLVE(
        file(params.input, checkIfExists: true),
        groovy.json.JsonOutput.toJson(params),
        params.tracedir ?: "${outdir}/pipeline_info",
        params.explain.toString() == 'true',
        params.express.toString() == 'true',
    )

    DECONVOLVE.out.skipped.subscribe { meta, record ->
        def told = new groovy.json.JsonSlurper().parseText(record.text)
        log.warn("unmix: ${meta.id}: ${meta.method} is skipped in ${told.step}: ${told.error.found}. Do: ${told.error['do']}")
    }
    DECONVOLVE.out.reports.subscribe { meta, _report ->
        def said = meta.headline ? 'is done' : 'has no fractions: none of the methods can be applied'
        log.info("unmix: ${meta.id} ${said}, see ${outdir}/${meta.id}/report.html")
    }
}
