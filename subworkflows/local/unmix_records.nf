// Records of what cannot be done, as the scripts write them (docs/data_contracts.md), for what ends before a script

// A file in a folder named by its content, so that a run that is resumed finds it unchanged
def kept(name, text) {
    def path = file("${workflow.workDir}/kept/${text.md5()}/${name}")
    // There may be half of it, of a run that was killed or whose disk was full
    if (!path.exists() || path.text != text) {
        path.parent.mkdirs()
        try {
            path.text = text
        }
        catch (java.io.IOException failure) {
            log.error(
                "unmix: ${path.toUriString()} cannot be written (${failure.message}).\n" +
                    "  expected: room for the work folder and the results\n" +
                    "  do: make room, or name another folder by -work-dir; then add -resume"
            )
            throw failure
        }
    }
    return path
}

def skipped_record(name, step, error) {
    return kept("${name}.skipped.json", groovy.json.JsonOutput.toJson([step: step, method: [name: name], error: error]))
}

// What is wrong with a file that does not exist
def no_file(column, path) {
    return [
        exit_code: 65,
        found: "there is no file ${path.toUriString()}",
        expected: "${column}, relative to the samplesheet's folder or absolute",
        'do': 'correct the path in the samplesheet',
    ]
}

// What is said of a task that ended by an error of the program or a kill (conf/base.config)
def no_result(method) {
    return [
        exit_code: 1,
        found: "a task of ${method} ended without a result, by an error of the program or the machine, or for want " +
            'of memory or time',
        expected: 'tasks that end',
        'do': 'see .nextflow.log and trace_*.txt; if the exit is 1, please report it',
    ]
}
