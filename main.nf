#!/usr/bin/env nextflow
// unmix: cell-type fractions of bulk RNA-seq. What runs stands in workflows/, one process per step in
// modules/local/unmix/.

include { DECONVOLVE } from './workflows/deconvolve.nf'

// The groups of parameters with their rules, as the schema has them
def groups_of_parameters() {
    return new groovy.json.JsonSlurper().parse(file("${projectDir}/nextflow_schema.json"))['$defs'].values()
}

// Nextflow writes some values into scripts of its own (an image, a queue, the path of the samplesheet) before the
// first step can check them. A path with ${x=$(touch y)}${x@P} in it is then run, and one with [ab] may find another
// file.
def refuse_what_a_shell_would_run(parameters) {
    def rules = groups_of_parameters().collectEntries { group -> group.properties }
    def values = parameters + [input: file(parameters.input, glob: false).toUriString()]
    def refused = values.collectMany { name, value ->
        def rule = rules[name]
        def text = value instanceof List ? value.join(',') : value.toString() // a list, of a YAML file
        def allowed = !rule?.pattern || !value || text ==~ rule.pattern
        def said =
            "--${name} ${value}: not allowed.\n  expected: ${rule?.description}; ${rule?.errorMessage}\n" +
                "  do: give another value to --${name}"
        allowed ? [] : [said]
    }
    if (refused) {
        error(refused.join('\n'))
    }
}

// The parameters with their meaning, as --help shows them
def help_text() {
    def lines = groups_of_parameters().collectMany { group ->
        def rows = group.properties.collect { name, rule ->
            def needed = name in (group.required ?: []) ? ' [required]' : ''
            def has_default = 'default' in rule && rule['default'] != ''
            "  --${name.padRight(14)} ${rule.description}${has_default ? " [default: ${rule['default']}]" : needed}"
        }
        ["", group.title] + rows
    }
    def usage = 'Usage: nextflow run unmix --input samplesheet.csv --outdir results'
    def more = 'Columns of the samplesheet: docs/parameters.md. Methods: unmix_methods.py'
    return ([usage] + lines + ['', more]).join('\n')
}

// What to do when the machinery fails and not a method: words of Nextflow's report, and a sentence
def hint(report, engine) {
    def hints = [
        [
            /Failed to submit process/,
            'the scheduler did not take a job; its words stand above.\n' +
                '  expected: a queue that grants the CPUs, memory and time of conf/base.config\n' +
                '  do: name another by --queue, or set process.resourceLimits in a file for -c',
        ],
        [
            "(?i)${engine}: (command )?not found|cannot connect to (the )?${engine}",
            "${engine} is not there.\n  expected: ${engine} on PATH wherever tasks run, and its service started\n" +
                "  do: install or start ${engine}, or choose another engine by -profile; then add -resume",
        ],
        [
            /No space left on device/,
            'the disk is full.\n  expected: room for the work folder and the results\n' +
                '  do: make room, or name another folder by -work-dir; then add -resume',
        ],
    ]
    return hints.findResult { pair -> report =~ pair[0] ? "unmix: ${pair[1]}" : null }
}

// A lock on the folder of the results, which ends with this process however that ends: two runs at once would mix
// their results
def locked(outdir) {
    def folder = file(outdir)
    if (folder.scheme != 'file') {
        return null // a store of a cloud knows no locks
    }
    folder.mkdirs()
    def lock = new java.io.RandomAccessFile("${folder}/.unmix.lock", 'rw').channel.tryLock()
    if (!lock) {
        error(
            "another run writes into ${outdir}.\n  expected: a folder of results of its own for every run\n" +
                "  do: wait until that run has ended, or give another folder by --outdir"
        )
    }
    return lock
}

// Removes what an earlier run has left in the folder of a method, where now a record says why there is nothing: the
// files that its run records name, and copies of them in the folder of the row. Of a single step, only its own
def forget(folder, skipped) {
    def step = skipped.name =~ /(metrics|comparison|attributions|type_expression|expression)\.skipped\.json$/
    files("${folder}/${step ? step[0][1] + '.' : '*'}run.json").each { record ->
        names_of_outputs(record, file(folder).name).each { name ->
            def result = file("${folder}/${name}", glob: false)
            def copy = result.parent.resolveSibling(name)
            if (result.exists() && copy.exists() && copy.bytes == result.bytes) {
                copy.delete()
            }
            result.delete()
        }
        record.delete()
    }
}

// Names of published files, in no other folder; none of a record of which a killed run has copied half
def names_of_outputs(record, method) {
    try {
        def outputs = new groovy.json.JsonSlurper().parseText(record.text).outputs ?: [:]
        def names = outputs.keySet().collect { name -> name - "${method}." } // as conf/publish.config names them
        return names.findAll { name -> !name.contains('/') && !(name in ['', '.', '..']) }
    }
    catch (Exception _damaged) {
        return []
    }
}

workflow {
    main:
    def run = workflow // within the handler `workflow` is not known
    workflow.onError {
        def sentence = hint("${run.errorReport}", run.containerEngine)
        if (sentence) {
            log.error(sentence)
        }
    }
    if (params.help.toString() == 'true') {
        log.info(help_text())
    }
    else {
        if (!params.input) {
            error(
                "--input is not given.\n  expected: a samplesheet with the columns id,bulk,reference\n" +
                    "  do: add --input samplesheet.csv, or try -profile demo"
            )
        }
        if ('demo' in workflow.profile.tokenize(',') && !file("${projectDir}/.cache/demo/ready").exists()) {
            error(
                "the data of the demo are not there.\n  expected: what scripts/demo_data.py brings\n" +
                    "  do: make demo, in ${projectDir}"
            )
        }
        refuse_what_a_shell_would_run(params)
        def outdir = params.outdir
        def lock = locked(outdir)
        workflow.onComplete { lock?.release() }
        def others = workflow.configFiles.findAll { path -> path.parent != workflow.projectDir }
        def configs = others.collect { path -> "${path}" }
        def tracedir = params.tracedir ?: "${outdir}/pipeline_info"
        def samplesheet = file(params.input, checkIfExists: true, glob: false)
        DECONVOLVE(
            channel.value(tuple(samplesheet, samplesheet.parent.toUriString())),
            params + [:],
            [
                explain: params.explain.toString() == 'true',
                express: params.express.toString() == 'true',
                type_expression: params.type_expression.toString() == 'true',
                samples: params.samples ? file(params.samples, checkIfExists: true, glob: false) : [],
                contrasts: params.contrasts ? file(params.contrasts, checkIfExists: true, glob: false) : [],
                outdir: outdir,
                configs: configs,
            ],
        )

        channel.topic('versions')
            .unique()
            .map { process, tool, version -> "${process.tokenize(':').last()}\t${tool}\t${version}" }
            .collectFile(name: 'versions.tsv', storeDir: tracedir, cache: false, newLine: true, sort: true)
        DECONVOLVE.out.request.collectFile(name: 'request.json', storeDir: tracedir, cache: false)
        channel.of(samplesheet.text).collectFile(name: samplesheet.name, storeDir: tracedir, cache: false)

        // An earlier run into this folder may have given none
        DECONVOLVE.out.fractions.subscribe { meta, _fractions, _fractions_long ->
            file("${outdir}/${meta.id}/${meta.method}/skipped.json").delete()
        }
        DECONVOLVE.out.without_result.subscribe { meta, record ->
            forget("${outdir}/${meta.id}/${meta.method}", record)
        }
        DECONVOLVE.out.skipped.subscribe { meta, record ->
            def told = new groovy.json.JsonSlurper().parseText(record.text)
            def failed = told.error.exit_code != 99
            def what = meta.method
                ? "${meta.method} ${failed ? 'failed' : 'is skipped'} in ${told.step}"
                : "the row cannot be used (${told.step})"
            def sentence = "unmix: ${meta.id}: ${what}: ${told.error.found - ~/\.$/}. Do: ${told.error['do']}"
            if (failed && params.fail_fast.toString() == 'true') {
                error(sentence)
            }
            log.warn(sentence)
        }
        DECONVOLVE.out.reports.subscribe { meta, _report ->
            def said = meta.headline ? 'is done' : 'has no fractions'
            log.info("unmix: ${meta.id} ${said}, see ${outdir}/${meta.id}/report.html")
        }
        DECONVOLVE.out.summary.subscribe { summary ->
            def cells = summary.readLines().tail().collect { line -> line.split('\t', -1) }
            def rows = cells.groupBy { cell -> cell[0] }.collect { id, lines ->
                def statuses = lines
                    .groupBy { cell -> cell[2] }
                    .collect { status, some -> "${status}: ${some.collect { cell -> cell[1] }.join(', ')}" }
                "  ${id}  ${statuses.join('; ')}"
            }
            log.info("unmix: summary (${outdir}/summary.tsv)\n${rows.join('\n')}")
        }
    }
}
