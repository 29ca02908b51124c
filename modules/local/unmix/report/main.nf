include { quote } from '../quote.nf'

// The page of one row, and its tables: those of all methods as <method>.<file>, the first or the consensus on top.
process UNMIX_REPORT {
    tag "${meta.id}"
    label 'process_low'
    conda "${moduleDir}/environment.yml"
    container 'localhost/unmix:0.1.0'

    input:
    tuple val(meta), path(check), path(reference, stageAs: 'reference.run.json'), path(tables, stageAs: 'tables/*'),
        val(request)

    output:
    tuple val(meta), path("${prefix}.html"), emit: report
    tuple val(meta), path('results/{*.tsv,*.xlsx,*_mqc.json,run.json,request.json}'), emit: headline
    tuple val(meta), path('results/report.json'), optional: true, emit: facts
    tuple val(meta), path('results/*/*skipped.json'), optional: true, emit: skipped
    tuple val("${task.process}"), val('unmix'),
        eval("python -c 'import unmix; print(unmix.__version__)'"), topic: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    prefix = task.ext.prefix ?: 'report'
    // Lay the tables (<method>.<file>) out as the user gets them: one folder per method, those of the first on top
    def inputs = [check, reference].findAll().collect { input -> quote(input) }.join(' ')
    """
    mkdir results
    printf '%s' ${quote(request ?: '{}')} > results/request.json
    for input in ${inputs}; do
        cp -RL "\$input" results/
    done
    for table in tables/*; do
        name=\${table#tables/}
        mkdir -p "results/\${name%%.*}"
        cp -L "\$table" "results/\${name%%.*}/\${name#*.}"
    done
    headline=${quote(meta.headline ?: '')}
    if [ -n "\$headline" ]; then
        cp "results/\$headline"/{*.tsv,run.json} results/
        rm -f results/{pairs,held_out,attributions}.tsv
    fi
    unmix_report.py --threads ${task.cpus} ${task.ext.args ?: ''} --title ${quote(meta.id)} \\
        --tables results --out ${quote(prefix)}.html -- results
    """

    stub:
    prefix = task.ext.prefix ?: 'report'
    """
    mkdir results
    touch ${quote(prefix)}.html results/request.json
    """
}
